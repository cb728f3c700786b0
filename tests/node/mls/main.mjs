// MLS clients of `ts-mls` at the service of tests: one JSON line in, one JSON line out, in order.
//
//   {"do": "send", "given": {"phone": …}}  ->  {"value": …}  or  {"error": {"name", "message", "status"}}
//
// The router is spoken to from here: Python says who does what when, and looks at what was heard. The process
// ends with its standard input.
import { createInterface } from 'node:readline';
import { Account } from './calls.mjs';
import { authored } from './authored.mjs';
import { Phone } from './phone.mjs';
import { rare } from './rare.mjs';
import { Stream } from './streams.mjs';
import { toHex } from './wire.mjs';

const accounts = new Map();
const phones = new Map();
const streams = new Map();
const sealed = new Map();

const now = () => performance.now() / 1000;

const answers = {
  ...authored,

  account({ did, ...given }) {
    accounts.set(did, new Account({ did, ...given }));
  },

  async register({ phone: name, did, suite, stock }) {
    const { phone, answer } = await Phone.register(accounts.get(did), name, suite, stock);
    const key = toHex(phone.mls.publicKey);
    Phone.byKey.set(key, phone.id);
    phones.set(name, phone);
    return { ...answer, key };
  },

  // Any method of a phone, by its name.
  phone({ phone, method, args }) {
    const acting = phones.get(phone);
    return acting.inTurn(() => acting[method](...args));
  },

  rarely({ phone, method, args }) {
    const acting = phones.get(phone);
    return acting.inTurn(() => rare[method](acting, ...args));
  },

  // Who is in the group as this device sees it, and in which epoch.
  group({ phone, convo }) {
    const member = phones.get(phone).group(convo);
    const roster = member.roster().map(({ leaf, did, key }) => ({ leaf, did, deviceId: Phone.byKey.get(toHex(key)) }));
    return { epoch: member.epoch, active: member.active, roster, authenticator: toHex(member.state.keySchedule.epochAuthenticator) };
  },

  // Seals now what is sent later.
  async seal({ phone, convo, text, as }) {
    const acting = phones.get(phone);
    sealed.set(as, await acting.inTurn(() => acting.seal(convo, text)));
  },

  sendSealed({ phone, convo, as }) {
    const acting = phones.get(phone);
    return acting.inTurn(() => acting.send(convo, '', { sealed: sealed.get(as) }));
  },

  ask({ did, nsid, params }) {
    return accounts.get(did).ask(nsid, params);
  },

  do({ did, nsid, data }) {
    return accounts.get(did).do(nsid, data);
  },

  // Of each method that this account called, the last call that was answered.
  answered({ did }) {
    return Object.fromEntries(accounts.get(did).answered);
  },

  async listen({ stream, phone, kind, helps }) {
    streams.set(stream, await Stream.open(kind, phones.get(phone), { helps }));
  },

  heard({ stream, kind, count }) {
    return streams.get(stream).until(kind, count);
  },

  opened({ stream, count }) {
    return streams.get(stream).untilOpened(count);
  },

  say({ stream, convo, text }) {
    return streams.get(stream).send(convo, text);
  },

  hangUp({ stream }) {
    streams.get(stream).close();
  },

  // The device has lost all it knew of the conversation and asks for help, which is online. Seconds until it is in.
  async comeBack({ stream, phone: name, convo }) {
    const phone = phones.get(name);
    phone.lose(convo);
    const asked = now();
    await phone.inTurn(() => phone.askToRejoin(convo));
    const { taken } = await streams.get(stream).untilOpened(1);
    return { seconds: now() - asked, taken };
  },

  // All at once; each has its own outcome.
  together({ asks }) {
    return Promise.all(asks.map(answer));
  },
};

async function answer(asked) {
  try {
    return { value: (await answers[asked.do](asked.given)) ?? null };
  } catch (error) {
    return { error: { name: error.error ?? error.name, message: error.message, status: error.status ?? null } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
process.exit(0); // whoever started it has gone, and with it whatever is still open

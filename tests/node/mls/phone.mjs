// A device of an account that talks to the router: what an app does, one method for each thing a user wants.
//
// Its groups are `Member`s by conversation. All that comes from the log goes through `take`, in order.
import { randomBytes } from 'node:crypto';
import { Refused } from './calls.mjs';
import { Device } from './device.mjs';
import { Member } from './member.mjs';
import { epochOf, fromBase64, fromLex, keyPackageBytes, lexBytes, read, toBase64, toHex } from './wire.mjs';

const MLS = 'blue.catbird.mls';
const OURS = 'chat.rookery.mls';
const REBASES = 8;
const OVERTAKEN = new Set(['EpochMismatch', 'CommitMissingReferences']); // by a commit, by a proposal
const fresh = () => toHex(randomBytes(12));

export class Phone {
  constructor(account, mls) {
    this.account = account;
    this.mls = mls;
    this.id = null;
    this.groups = new Map(); // conversation -> Member
    this.seen = new Map(); // conversation -> the last seq that was taken
    this.authored = new Set(); // ids of messages and handshakes of its own: nobody can open what he sealed
    this.welcomes = new Map(); // conversation -> the last Welcome that was made here
    this.taken = []; // all that `take` made something of
    this.turn = Promise.resolve();
  }

  // One thing after the other: what is asked of it and what a stream brings change the same groups.
  inTurn(work) {
    const done = this.turn.then(work);
    this.turn = done.catch(() => {});
    return done;
  }

  static async register(account, name, suite, stock) {
    const phone = new Phone(account, await Device.make(account.did, suite));
    const made = await phone.mls.keyPackages(stock);
    const answer = await account.do(`${MLS}.registerDevice`, {
      deviceName: name,
      signaturePublicKey: lexBytes(phone.mls.publicKey),
      keyPackages: made.map(({ keyPackage }) => phone.offer(keyPackage)),
    });
    phone.id = answer.deviceId;
    return { phone, answer };
  }

  offer(keyPackage) {
    const text = toBase64(keyPackageBytes(keyPackage));
    return { did: this.account.did, keyPackage: text, cipherSuite: this.mls.suite };
  }

  async publish(count, lastResort = false) {
    const made = await this.mls.keyPackages(count);
    if (lastResort) made.push(await this.mls.keyPackage({ lastResort }));
    const expires = new Date((Math.floor(Date.now() / 1000) + 27 * 86400) * 1000).toISOString();
    const keyPackages = made.map(({ keyPackage }) => {
      const { did: _, ...offer } = this.offer(keyPackage);
      return { ...offer, expires };
    });
    return this.account.do(`${MLS}.publishKeyPackages`, { deviceId: this.id, keyPackages });
  }

  // One key package of each device of these accounts but this one.
  async claim(dids) {
    const asked = { dids, cipherSuite: this.mls.suite };
    const { keyPackages } = await this.account.ask(`${MLS}.getKeyPackages`, asked);
    return keyPackages
      .filter(({ deviceId }) => deviceId !== this.id)
      .map(({ did, deviceId, keyPackage, keyPackageHash }) => {
        const bytes = fromBase64(keyPackage);
        return { did, deviceId, hash: keyPackageHash, ...read(bytes, 'mls_key_package') };
      });
  }

  // The same, of devices that are not in the group.
  async claimNew(convo, dids) {
    const member = this.group(convo);
    const found = await this.claim(dids);
    return found.filter(({ keyPackage }) => member.leafOf(keyPackage.leafNode.signaturePublicKey) === undefined);
  }

  group(convo) {
    const member = this.groups.get(convo);
    if (member === undefined) throw new Error('this device is not in the group');
    return member;
  }

  // -- groups ----------------------------------------------------------------------------------------------

  // A conversation with all devices of these accounts and the other devices of this one.
  async create(dids) {
    const member = await Member.founder(this.mls, randomBytes(16));
    const found = await this.claim([...dids, this.account.did]);
    const first = await member.commit({ adds: found.map((each) => each.keyPackage) });
    member.adopt(first);
    const convo = await this.account.do(`${MLS}.createConvo`, {
      groupId: toHex(member.groupId),
      cipherSuite: this.mls.suite,
      idempotencyKey: fresh(),
      deviceId: this.id,
      initialMembers: dids,
      keyPackageHashes: found.map(({ did, hash }) => ({ did, hash })),
      currentEpoch: member.epoch,
      groupInfo: toBase64(first.groupInfo),
      ...(first.welcome && { welcomeMessage: toBase64(first.welcome) }),
    });
    this.groups.set(convo.id, member);
    this.welcomes.set(convo.id, first.welcome);
    this.seen.set(convo.id, 0);
    return convo;
  }

  // A commit that is in the log when this returns; who comes second makes it anew on what came first.
  //
  // `add`: accounts, or `claimed` key packages. `remove`: accounts or signature keys. `by`: how it is sent.
  async commit(convo, { add = [], remove = [], claimed, open = true, by = 'submitCommit' }) {
    const adds = claimed ?? (add.length ? await this.claimNew(convo, add) : []);
    for (let rebases = 0; rebases <= REBASES; rebases += 1) {
      const member = this.group(convo);
      const named = ({ did, key }) => remove.includes(did) || remove.includes(toHex(key));
      const made = await member.commit({
        adds: adds.map((each) => each.keyPackage),
        removes: member.roster().filter(named).map((each) => each.leaf),
        open,
      });
      const after = new Set(made.roster.map(({ key }) => toHex(key)));
      const out = member.roster().filter((each) => named(each) || !after.has(toHex(each.key)));
      try {
        const answer = await this.#submit(convo, { made, adds, remove, out, open, by });
        member.adopt(made);
        if (made.welcome) this.welcomes.set(convo, made.welcome);
        return { ...answer, rebases, epoch: member.epoch };
      } catch (error) {
        if (!(error instanceof Refused) || !OVERTAKEN.has(error.error)) throw error;
        await this.sync(convo);
      }
    }
    throw new Error('others were faster every time');
  }

  async #submit(convo, { made, adds, remove, out, open, by }) {
    const here = { convoId: convo, deviceId: this.id };
    if (by === 'addMembers') {
      return this.account.do(`${MLS}.addMembers`, {
        ...here,
        idempotencyKey: fresh(),
        didList: [...new Set(adds.map(({ did }) => did))],
        commit: toBase64(made.commit),
        groupInfo: toBase64(made.groupInfo),
        welcomeMessage: toBase64(made.welcome),
        keyPackageHashes: adds.map(({ did, hash }) => ({ did, hash })),
      });
    }
    if (by === 'removeMember') {
      return this.account.do(`${MLS}.removeMember`, {
        ...here,
        idempotencyKey: fresh(),
        targetDid: remove[0],
        commit: toBase64(made.commit),
        groupInfo: toBase64(made.groupInfo),
      });
    }
    const said = {
      adds: adds.map(({ did, deviceId, hash }) => ({ did, deviceId, keyPackageHash: hash })),
      removes: out.map(({ did, key }) => ({ did, deviceId: Phone.byKey.get(toHex(key)) })),
    };
    return this.account.do(`${OURS}.submitCommit`, {
      ...here,
      commit: lexBytes(made.commit),
      groupInfo: lexBytes(made.groupInfo),
      ...(made.welcome && { welcome: lexBytes(made.welcome) }),
      ...(open ? {} : said), // what a commit in clear does, the server sees for itself
    });
  }

  async propose(convo, { remove, open = true }) {
    const member = this.group(convo);
    const { leaf } = member.roster().find(({ did, key }) => did === remove || toHex(key) === remove);
    const made = await member.propose({ remove: leaf, open });
    const answer = await this.account.do(`${OURS}.sendProposal`, {
      convoId: convo,
      deviceId: this.id,
      proposal: lexBytes(made.bytes),
    });
    this.authored.add(answer.messageId);
    member.adopt(made);
    return answer;
  }

  // By the Welcome that waits. What was seen of the log before is of an earlier stay.
  async join(convo) {
    const here = { convoId: convo, deviceId: this.id };
    const waiting = await this.account.ask(`${MLS}.getWelcome`, here);
    const { member, ref } = await Member.welcomed(this.mls, fromBase64(waiting.welcome));
    this.groups.set(convo, member);
    await this.account.do(`${MLS}.confirmWelcome`, { ...here, success: true, keyPackageHash: ref });
    return { epoch: member.epoch, hash: waiting.keyPackageHash, ref };
  }

  // By an external commit, on whatever GroupInfo the server has, or on one that somebody gave it.
  async joinFromOutside(convo, given) {
    const info = given ?? (await this.groupInfo(convo));
    const joined = await Member.outsider(this.mls, fromBase64(info.groupInfo));
    const answer = await this.account.do(`${MLS}.processExternalCommit`, {
      convoId: convo,
      deviceId: this.id,
      externalCommit: toBase64(joined.commit),
      groupInfo: toBase64(joined.groupInfo),
      idempotencyKey: fresh(),
    });
    this.groups.set(convo, joined.member);
    return { ...answer, before: info.epoch };
  }

  groupInfo(convo) {
    return this.account.ask(`${MLS}.getGroupInfo`, { convoId: convo });
  }

  // Everything about a conversation is lost, but not who this device is.
  lose(convo) {
    this.groups.delete(convo);
  }

  async askToRejoin(convo, method = 'requestRejoin') {
    const { keyPackage } = await this.mls.keyPackage();
    return this.account.do(`${MLS}.${method}`, {
      convoId: convo,
      deviceId: this.id,
      keyPackage: toBase64(keyPackageBytes(keyPackage)),
      reason: 'state_loss',
    });
  }

  // Puts a lost device out and in again, in one commit.
  async addAgain(convo, { did, deviceId, open }) {
    const claimed = (await this.claim([did])).filter((each) => each.deviceId === deviceId);
    const key = [...Phone.byKey].find(([, id]) => id === deviceId)[0];
    return this.commit(convo, { claimed, remove: [key], open });
  }

  // A device of somebody else's that was registered after the group was made.
  async addDevice(convo) {
    const { pendingAdditions } = await this.account.ask(`${MLS}.getPendingDeviceAdditions`, { convoIds: [convo] });
    const { id } = pendingAdditions.find(({ userDid }) => userDid !== this.account.did);
    const by = { pendingAdditionId: id, deviceId: this.id };
    const { keyPackage, ...claim } = await this.account.do(`${MLS}.claimPendingDeviceAddition`, by);
    const { did, deviceId, keyPackageHash } = keyPackage;
    const claimed = [{ did, deviceId, hash: keyPackageHash, ...read(fromBase64(keyPackage.keyPackage), 'mls_key_package') }];
    const { epoch } = await this.commit(convo, { claimed });
    const done = await this.account.do(`${MLS}.completePendingDeviceAddition`, { ...by, newEpoch: epoch });
    return { waited: pendingAdditions, claim, epoch, done };
  }

  // -- messages --------------------------------------------------------------------------------------------

  async seal(convo, text, exact = false) {
    const member = this.group(convo);
    const { epoch } = member;
    return { bytes: await member.seal(text, { exact }), epoch };
  }

  async send(convo, text, { exact = false, sealed, sure = false } = {}) {
    const { bytes, epoch } = sealed ?? (await this.seal(convo, text, exact));
    const msgId = fresh();
    this.authored.add(msgId);
    const sent = this.account.do(`${MLS}.sendMessage`, {
      convoId: convo,
      deviceId: this.id,
      msgId,
      ciphertext: lexBytes(bytes),
      epoch,
      declaredSize: bytes.length,
      paddedSize: bytes.length,
    });
    if (!sure) return sent;
    return sent.catch(async (error) => {
      if (error.error !== 'EpochMismatch') throw error; // else it is sealed anew for the epoch that is
      await this.sync(convo);
      return this.send(convo, text, { exact, sure });
    });
  }

  // What has come since the last time, opened: [{seq, type, text, sender}] or with the `error` of what did not open.
  async sync(convo) {
    const taken = [];
    for (;;) {
      const asked = { convoId: convo, deviceId: this.id, sinceSeq: this.seen.get(convo) ?? 0, limit: 100 };
      const page = await this.account.ask(`${MLS}.getMessages`, asked);
      for (const view of page.messages) taken.push(await this.take(convo, view));
      if (page.lastSeq !== undefined) this.seen.set(convo, Math.max(this.seen.get(convo) ?? 0, page.lastSeq));
      if (page.cursor === undefined) return taken.filter((each) => each !== null);
    }
  }

  // A message from wherever, without a look at what was taken.
  open(convo, view) {
    return this.group(convo).open(fromLex(view.ciphertext));
  }

  // All that was ever opened here, or was not, by whatever it came.
  history(convo) {
    return this.taken.filter((each) => each.convo === convo);
  }

  // One message of the log; null for what was taken before, or is of this device's own making.
  async take(convo, view) {
    const taken = await this.#take(convo, view);
    if (taken !== null) this.taken.push(taken);
    return taken;
  }

  async #take(convo, view) {
    const { id, seq, messageType: type = 'app' } = view;
    const bytes = fromLex(view.ciphertext);
    if (seq <= (this.seen.get(convo) ?? 0)) return null;
    this.seen.set(convo, seq);
    if (this.authored.has(id)) return null;
    const member = this.groups.get(convo);
    if (type !== 'app' && member !== undefined && epochOf(bytes) < member.epoch) return null; // it is in this state
    const told = { convo, id, seq, type };
    try {
      return { ...told, ...(await this.group(convo).open(bytes)) };
    } catch (error) {
      return { ...told, error: `${error.name}: ${error.message}` };
    }
  }
}

Phone.byKey = new Map(); // signature key -> device id, of all devices here: an app learns it from members' views

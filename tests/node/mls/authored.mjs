// What `ts-mls` writes, as bytes, without a server: for the library of the router to read and judge.
import { Device } from './device.mjs';
import { Member } from './member.mjs';
import { keyPackageBytes, toBase64 } from './wire.mjs';

const GROUP = new TextEncoder().encode('a group of ts-mls');

const text = (made) => ({
  commit: toBase64(made.commit),
  welcome: made.welcome ? toBase64(made.welcome) : null,
  groupInfo: toBase64(made.groupInfo),
});

export const authored = {
  // A life of a group: two are added, one is proposed for removal and goes, one comes back from outside.
  async life({ suite, open }) {
    const devices = [];
    for (const did of ['did:plc:anna', 'did:plc:bert', 'did:plc:carl']) devices.push(await Device.make(did, suite));
    const [anna, bert, carl] = devices;
    const a = await Member.founder(anna, GROUP);
    const began = await a.groupInfo();
    const packages = await Promise.all([bert.keyPackage(), carl.keyPackage({ lastResort: true })]);

    const added = await a.commit({ adds: packages.map(({ keyPackage }) => keyPackage), open });
    a.adopt(added);
    const { member: b } = await Member.welcomed(bert, added.welcome);

    const proposal = await b.propose({ remove: b.leafOf(carl.publicKey), open });
    b.adopt(proposal);
    await a.open(proposal.bytes);
    const removed = await a.commit({ open });
    a.adopt(removed);
    await b.open(removed.commit);

    const back = await Member.outsider(bert, await a.groupInfo());
    await a.open(back.commit);
    return {
      began: toBase64(began),
      keys: devices.map(({ publicKey }) => toBase64(publicKey)),
      packages: packages.map(({ ref, keyPackage }) => ({ ref, bytes: toBase64(keyPackageBytes(keyPackage)) })),
      added: text(added),
      proposal: toBase64(proposal.bytes),
      removed: text(removed),
      back: text(back),
      messages: [await a.seal('in an envelope'), await a.seal('padded by MLS', { exact: true })].map(toBase64),
    };
  },
};

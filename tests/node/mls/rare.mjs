// What a device does once in a while, or never: for each a function of the phone that does it.
import { randomBytes } from 'node:crypto';
import { Member } from './member.mjs';
import { fromBase64, lexBytes, toBase64, toHex } from './wire.mjs';

const MLS = 'blue.catbird.mls';
const LATER = 'blue.catbird.mlsChat';
const fresh = () => toHex(randomBytes(12));

export const rare = {
  async publishOne(phone) {
    const { did: _, ...offer } = phone.offer((await phone.mls.keyPackage()).keyPackage);
    return phone.account.do(`${MLS}.publishKeyPackage`, { ...offer, deviceId: phone.id, idempotencyKey: fresh() });
  },

  // The references of the key packages whose secrets this device has.
  references(phone) {
    return [...phone.mls.packages.keys()];
  },

  async updateGroupInfo(phone, convo) {
    const member = phone.group(convo);
    return phone.account.do(`${MLS}.updateGroupInfo`, {
      convoId: convo,
      deviceId: phone.id,
      groupInfo: toBase64(await member.groupInfo()),
      epoch: member.epoch,
    });
  },

  // The conversation goes on in a new group, in which this device is alone.
  async reset(phone, convo, reason) {
    const member = await Member.founder(phone.mls, randomBytes(16));
    const answer = await phone.account.do(`${LATER}.resetGroup`, {
      convoId: convo,
      newGroupId: toHex(member.groupId),
      cipherSuite: phone.mls.suite,
      groupInfo: lexBytes(await member.groupInfo()),
      reason,
      deviceId: phone.id,
      idempotencyKey: fresh(),
    });
    phone.groups.set(convo, member);
    return answer;
  },

  // The Welcome of a commit for these accounts that nobody has taken yet, given to one of them by hand.
  async welcomeByHand(phone, convo, dids) {
    const adds = (await phone.claimNew(convo, dids)).map((each) => each.keyPackage);
    return toBase64((await phone.group(convo).commit({ adds })).welcome);
  },

  validateWelcome(phone, welcome) {
    const welcomeMessage = lexBytes(fromBase64(welcome));
    return phone.account.do(`${MLS}.validateWelcome`, { welcomeMessage, deviceId: phone.id });
  },

  // The Welcome that somebody asks for once more, from the device that made it.
  respond(phone, convo, { requestId, keyPackageHash }) {
    return phone.account.do(`${LATER}.reissueWelcomeRespond`, {
      requestId,
      keyPackageHash,
      welcomeBlob: lexBytes(phone.welcomes.get(convo)),
      deviceId: phone.id,
    });
  },
};

// One device's membership in one group: everything here is `ts-mls` and nothing is HTTP.
//
// A commit is made without being believed: `adopt` takes its state once the delivery service has taken it.
import {
  createApplicationMessage,
  createCommit,
  createGroup,
  createGroupInfoWithExternalPubAndRatchetTree,
  createProposal,
  emptyPskIndex,
  joinGroup,
  joinGroupExternal,
  processMessage,
  acceptAll,
} from 'ts-mls';
import { decryptSenderData } from 'ts-mls/privateMessage.js';
import { ratchetTreeFromExtension } from 'ts-mls/groupInfo.js';
import { identity } from './device.mjs';
import { inEnvelope, read, sizeClass, toHex, write } from './wire.mjs';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const same = (a, b) => Buffer.compare(a, b) === 0;

export class Member {
  constructor(device, state) {
    this.device = device;
    this.state = state;
  }

  // A new group with this device alone in it.
  static async founder(device, groupId) {
    const { keyPackage, ref } = await device.keyPackage();
    const { privatePackage } = device.packages.get(ref);
    device.packages.delete(ref); // it never leaves this device
    return new Member(device, await createGroup(groupId, keyPackage, privatePackage, [], device.cs, device.config));
  }

  static async welcomed(device, bytes) {
    const { welcome } = read(bytes, 'mls_welcome');
    const mine = device.packageFor(welcome.secrets.map((each) => toHex(each.newMember)));
    const { publicPackage, privatePackage } = mine;
    const state = await joinGroup(
      welcome, publicPackage, privatePackage, emptyPskIndex, device.cs, undefined, undefined, device.config,
    );
    device.used(mine.ref);
    return { member: new Member(device, state), ref: mine.ref };
  }

  // By an external commit; the device's old leaf, if it has one in the tree, goes with it.
  static async outsider(device, bytes) {
    const { groupInfo } = read(bytes, 'mls_group_info');
    const { keyPackage, ref } = await device.keyPackage();
    const { privatePackage } = device.packages.get(ref);
    device.packages.delete(ref);
    const resync = Member.leaves(Member.treeOf(groupInfo)).some(({ key }) => same(key, device.publicKey));
    const joined = await joinGroupExternal(
      groupInfo, keyPackage, privatePackage, resync, device.cs, undefined, device.config,
    );
    const member = new Member(device, joined.newState);
    const commit = write('mls_public_message', { publicMessage: joined.publicMessage });
    return { member, commit, groupInfo: await member.groupInfo() };
  }

  get epoch() {
    return Number(this.state.groupContext.epoch);
  }

  get groupId() {
    return this.state.groupContext.groupId;
  }

  get active() {
    return this.state.groupActiveState.kind === 'active';
  }

  static leaves(tree) {
    return tree.flatMap((node, index) =>
      node?.nodeType === 'leaf'
        ? [{ leaf: index / 2, did: identity(node.leaf), key: node.leaf.signaturePublicKey }]
        : [],
    );
  }

  // Who is in: leaf, account and signature key.
  roster() {
    return Member.leaves(this.state.ratchetTree);
  }

  leafOf(key) {
    return this.roster().find((each) => same(each.key, key))?.leaf;
  }

  async groupInfo(state = this.state) {
    const groupInfo = await createGroupInfoWithExternalPubAndRatchetTree(state, [], this.device.cs);
    return write('mls_group_info', { groupInfo });
  }

  // `adds` are key packages, `removes` leaf indexes. All proposals that wait are committed by reference.
  async commit({ adds = [], removes = [], open = true }) {
    const extraProposals = [
      ...removes.map((removed) => ({ proposalType: 'remove', remove: { removed } })),
      ...adds.map((keyPackage) => ({ proposalType: 'add', add: { keyPackage } })),
    ];
    const made = await createCommit(
      { state: this.state, cipherSuite: this.device.cs },
      { wireAsPublicMessage: open, extraProposals, ratchetTreeExtension: true },
    );
    const { wireformat, publicMessage, privateMessage } = made.commit;
    return {
      commit: write(wireformat, { publicMessage, privateMessage }),
      welcome: made.welcome && write('mls_welcome', { welcome: made.welcome }),
      groupInfo: await this.groupInfo(made.newState),
      roster: Member.leaves(made.newState.ratchetTree),
      state: made.newState,
    };
  }

  adopt({ state }) {
    this.state = state;
  }

  // A proposal that waits for a commit: {remove: leaf} or {update: true} is not in ts-mls's power to make.
  async propose({ remove, open = true }) {
    const proposal = { proposalType: 'remove', remove: { removed: remove } };
    const made = await createProposal(this.state, open, proposal, this.device.cs);
    const { wireformat, publicMessage, privateMessage } = made.message;
    return { bytes: write(wireformat, { publicMessage, privateMessage }), state: made.newState };
  }

  // An application message of a size class: in the contract's envelope, or padded by MLS itself.
  async seal(text, { exact = false } = {}) {
    const { cs } = this.device;
    if (!exact) {
      const made = await createApplicationMessage(this.state, encoder.encode(text), cs);
      this.state = made.newState;
      return inEnvelope(write('mls_private_message', { privateMessage: made.privateMessage }));
    }
    // Thrown away: it says how long the message is without padding, and its key is used for nothing else.
    const bare = await this.#padded(text, 0);
    const size = sizeClass(bare.bytes.length + 2); // the length of the ciphertext may take more bytes
    let padding = size - bare.bytes.length;
    for (;;) {
      const made = await this.#padded(text, padding);
      if (made.bytes.length === size) {
        this.state = made.state;
        return made.bytes;
      }
      padding -= made.bytes.length - size;
    }
  }

  async #padded(text, paddingLength) {
    const clientConfig = { ...this.device.config, paddingConfig: { kind: 'alwaysPad', paddingLength } };
    const made = await createApplicationMessage({ ...this.state, clientConfig }, encoder.encode(text), this.device.cs);
    const bytes = write('mls_private_message', { privateMessage: made.privateMessage });
    return { bytes, state: { ...made.newState, clientConfig: this.device.config } };
  }

  // What a message of the group says, and who says so by its leaf; a handshake moves this member on.
  async open(bytes) {
    const message = read(bytes, 'mls_private_message', 'mls_public_message');
    const sender = await this.#sender(message);
    const done = await processMessage(message, this.state, emptyPskIndex, acceptAll, this.device.cs);
    this.state = done.newState;
    if (done.kind === 'applicationMessage') return { text: decoder.decode(done.message), sender };
    return { epoch: this.epoch, sender };
  }

  // Of a PrivateMessage it is encrypted, and ts-mls does not tell it with the message.
  async #sender(message) {
    if (message.wireformat === 'mls_public_message') {
      const { sender } = message.publicMessage.content;
      return sender.senderType === 'member' ? this.#named(this.state.ratchetTree, sender.leafIndex) : null;
    }
    const { privateMessage } = message;
    const past = this.state.historicalReceiverData.get(privateMessage.epoch);
    const tree = past?.ratchetTree ?? this.state.ratchetTree;
    const secret = past?.senderDataSecret ?? this.state.keySchedule.senderDataSecret;
    const { leafIndex } = await decryptSenderData(privateMessage, secret, this.device.cs);
    return this.#named(tree, leafIndex);
  }

  #named(tree, index) {
    const { did, leaf } = Member.leaves(tree).find((each) => each.leaf === index);
    return { did, leaf };
  }

  static treeOf(groupInfo) {
    return ratchetTreeFromExtension(groupInfo);
  }
}

// A device as MLS knows it: a signature key for all its groups, a credential, and key packages with their secrets.
import {
  defaultCapabilities,
  defaultKeyPackageEqualityConfig,
  defaultKeyRetentionConfig,
  defaultPaddingConfig,
  generateKeyPackageWithKey,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
} from 'ts-mls';
import { keyPackageRef } from './wire.mjs';

const DAY = 86400n;
const LAST_RESORT = 10; // RFC 9420 section 16.8; ts-mls has no name for it
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const config = {
  keyRetentionConfig: { ...defaultKeyRetentionConfig, retainKeysForEpochs: 8 },
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
  paddingConfig: defaultPaddingConfig,
  lifetimeConfig: { maximumTotalLifetime: 30n * DAY, validateLifetimeOnReceive: true },
  authService: {
    // Whose account it is, the server answers for; that it is one, is seen here.
    async validateCredential(credential) {
      return credential.credentialType === 'basic' && decoder.decode(credential.identity).startsWith('did:');
    },
  },
};

export const identity = (leaf) => decoder.decode(leaf.credential.identity);

export class Device {
  constructor(did, suite, cs, keys) {
    this.did = did;
    this.suite = suite;
    this.cs = cs;
    this.keys = keys;
    this.config = config;
    this.packages = new Map(); // by their references in hexadecimal
  }

  static async make(did, suite) {
    const cs = await getCiphersuiteImpl(getCiphersuiteFromName(suite));
    return new Device(did, suite, cs, await cs.signature.keygen());
  }

  get publicKey() {
    return this.keys.publicKey;
  }

  // A new key package that is kept until a Welcome uses it up, which one of last resort is never.
  async keyPackage({ lastResort = false } = {}) {
    const now = BigInt(Math.floor(Date.now() / 1000));
    const made = await generateKeyPackageWithKey(
      { credentialType: 'basic', identity: encoder.encode(this.did) },
      defaultCapabilities(),
      { notBefore: now - 3600n, notAfter: now + 28n * DAY },
      lastResort ? [{ extensionType: LAST_RESORT, extensionData: new Uint8Array() }] : [],
      this.keys,
      this.cs,
    );
    const ref = await keyPackageRef(made.publicPackage, this.cs);
    this.packages.set(ref, { ...made, lastResort });
    return { ref, keyPackage: made.publicPackage };
  }

  async keyPackages(count) {
    const made = [];
    for (let number = 0; number < count; number += 1) made.push(await this.keyPackage());
    return made;
  }

  // The key package that a Welcome is for, with its secrets.
  packageFor(refs) {
    const ref = refs.find((each) => this.packages.has(each));
    if (ref === undefined) throw new Error('the Welcome is for no key package of this device');
    return { ref, ...this.packages.get(ref) };
  }

  used(ref) {
    if (!this.packages.get(ref).lastResort) this.packages.delete(ref);
  }
}

// A device's Ed25519 key, as an app in another language would make it from the lexicons' words alone.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

function named(text) {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function proof(key, publicKey, { service, account, device }) {
  const issuedAt = Math.floor(Date.now() / 1000);
  const nonce = randomBytes(16);
  const seconds = Buffer.alloc(8);
  seconds.writeBigUInt64BE(BigInt(issuedAt));
  const context = Buffer.from('rookery device key proof 1\0');
  const names = [service, account, device ?? ''].map(named);
  const signature = sign(null, Buffer.concat([context, ...names, publicKey, seconds, nonce]), key);
  return { issuedAt, nonce: new Uint8Array(nonce), signature: new Uint8Array(signature) };
}

export const devices = {
  // `signaturePublicKey` and `proof` for one request; `device` is the one whose key is replaced, if one is.
  newKey({ service, account, device }) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
    return {
      signaturePublicKey: new Uint8Array(raw),
      proof: proof(privateKey, raw, { service, account, device }),
    };
  },
};

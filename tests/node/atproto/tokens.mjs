// Service-auth tokens, made and verified by `@atproto/xrpc-server` with keys of `@atproto/crypto`.
import { P256Keypair, Secp256k1Keypair, verifySignature } from '@atproto/crypto';
import { createServiceAuthHeaders, createServiceJwt, verifyJwt } from '@atproto/xrpc-server';

const curves = { secp256k1: Secp256k1Keypair, p256: P256Keypair };

async function keypair({ curve, secret }) {
  return curves[curve].import(secret, { exportable: false });
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export const tokens = {
  // The token that a PDS would make. What is not given has the library's default.
  async token({ key, ...claims }) {
    return createServiceJwt({ keypair: await keypair(key), ...claims });
  },

  async authorization({ key, ...claims }) {
    return (await createServiceAuthHeaders({ keypair: await keypair(key), ...claims })).headers.authorization;
  },

  // For claims that the library would never leave out or put in: its key signs what we say.
  async tokenOf({ key, header, claims }) {
    const pair = await keypair(key);
    const signed = `${part({ typ: 'JWT', alg: pair.jwtAlg, ...header })}.${part(claims)}`;
    return `${signed}.${Buffer.from(await pair.sign(Buffer.from(signed))).toString('base64url')}`;
  },

  async didKey({ key }) {
    return (await keypair(key)).did();
  },

  // `strict` refuses a high S, as the specification wants it; the library's own default does not.
  async verifyToken({ token, audience, lxm, didKey, strict }) {
    const verify = (key, message, signature, jwtAlg) => verifySignature(key, message, signature, { jwtAlg });
    return verifyJwt(token, audience, lxm, async () => didKey, strict ? verify : undefined);
  },

  async verifySignatures({ didKey, signed }) {
    return Promise.all(signed.map(({ message, signature }) => verifySignature(didKey, message, signature)));
  },
};

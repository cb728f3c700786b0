// DID documents read by `@atproto/identity`, public keys read by `jose`.
import { get } from 'node:http';
import { getServiceEndpoint } from '@atproto/common-web';
import { DidResolver, getKey } from '@atproto/identity';
import { createRemoteJWKSet, jwtVerify } from 'jose';

// Every name leads to this machine, which plain `fetch` cannot be told; the Host header stays.
function here(url) {
  const { host, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: pathname, headers: { host } }, async (answer) => {
      const body = Buffer.concat(await answer.toArray());
      resolve(new Response(body, { status: answer.statusCode, headers: answer.headers }));
    });
    request.on('error', reject);
  });
}

// did:web of a port is https everywhere but on `localhost` itself; here no name has it.
const plain = (url) => here(String(url).replace(/^https:/, 'http:'));

export const documents = {
  // A document as a PDS reads it: the account's key, and where to forward what is for `service`.
  async resolve({ did, plcUrl, service }) {
    const document = await new DidResolver({ plcUrl, fetch: plain }).ensureResolve(did);
    const endpoint = service ? getServiceEndpoint(document, { id: service }) : undefined;
    return { document, didKey: getKey(document) ?? null, endpoint: endpoint ?? null };
  },

  // Whether the DID's `#atproto` key made this signature, all looked up by their code.
  async signedBy({ did, plcUrl, message, signature }) {
    return new DidResolver({ plcUrl, fetch: plain }).verifySignature(did, message, signature);
  },

  // What any service would do with an access token: fetch the keys, check everything.
  async verifyAccessToken({ token, jwks, issuer, audience }) {
    const keys = createRemoteJWKSet(new URL(jwks));
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' });
    return { payload, header: protectedHeader };
  },
};

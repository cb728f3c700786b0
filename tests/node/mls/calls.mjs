// An account's calls to the router: a fresh service-auth token for each, as its PDS would make it.
import { randomBytes } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { fromBase64, toHex } from './wire.mjs';

const LIFETIME = 60;
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// What the router answered that is no answer.
export class Refused extends Error {
  constructor(status, { error, message }) {
    super(message);
    this.error = error;
    this.status = status;
  }
}

export class Account {
  constructor({ did, secret, url, audience }) {
    this.did = did;
    this.url = url;
    this.audience = audience;
    this.secret = fromBase64(secret);
    this.answered = new Map(); // by method, the last call that was: what was given and what came back
  }

  token(nsid) {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.did, aud: this.audience, lxm: nsid, iat: now, exp: now + LIFETIME };
    const nonce = toHex(randomBytes(16));
    const signed = `${part({ typ: 'JWT', alg: 'ES256K' })}.${part({ ...claims, jti: nonce })}`;
    const signature = secp256k1.sign(Buffer.from(signed), this.secret); // of the SHA-256, with a low S
    return `${signed}.${Buffer.from(signature).toString('base64url')}`;
  }

  address(nsid, params) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(params ?? {})) {
      for (const each of [value].flat()) if (each !== undefined) query.append(name, each);
    }
    return `${this.url}/xrpc/${nsid}${query.size ? `?${query}` : ''}`;
  }

  headers(nsid) {
    return { authorization: `Bearer ${this.token(nsid)}` };
  }

  async ask(nsid, params) {
    const response = await fetch(this.address(nsid, params), { headers: this.headers(nsid) });
    return this.#answer(nsid, { params }, response);
  }

  async do(nsid, data) {
    const headers = { ...this.headers(nsid), 'content-type': 'application/json' };
    const body = JSON.stringify(data);
    return this.#answer(nsid, { data }, await fetch(this.address(nsid), { method: 'POST', headers, body }));
  }

  async #answer(nsid, given, response) {
    const answer = await response.json();
    if (!response.ok) throw new Refused(response.status, answer);
    this.answered.set(nsid, { given, answer });
    return answer;
  }
}

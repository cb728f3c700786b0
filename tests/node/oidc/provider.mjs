// The certified OpenID provider `oidc-provider`, for one client, on 127.0.0.1. Anybody may log in with any
// name (its own development pages): what is tested is the other side.
//
//   PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI node provider.mjs      -> one line «ready <issuer>» on stdout
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, ALG = 'RS256' } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;

function key(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `test-${alg}` };
}

const provider = new Provider(issuer, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: [REDIRECT_URI],
    id_token_signed_response_alg: ALG,
  }],
  jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
  cookies: { keys: ['one process, one test'] },
  pkce: { required: () => true },
});

const server = provider.listen(Number(PORT), '127.0.0.1', () => console.log(`ready ${issuer}`));
process.stdin.on('end', () => server.close(() => process.exit(0))).resume(); // whoever started it has gone

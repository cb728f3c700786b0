// AT Protocol's own libraries at the service of tests: one JSON line in, one JSON line out, in order.
//
//   {"do": "token", "given": {…}}  ->  {"value": …}  or  {"error": {"type", "name", "message", …}}
//
// Bytes travel as AT Protocol's JSON has them, {"$bytes": base64}, converted by its own functions. The
// process ends with its standard input.
import { createInterface } from 'node:readline';
import { jsonToLex, lexToJson } from '@atproto/lexicon';
import { calls } from './calls.mjs';
import { devices } from './devices.mjs';
import { documents } from './documents.mjs';
import { streams } from './streams.mjs';
import { tokens } from './tokens.mjs';

const answers = { ...tokens, ...calls, ...devices, ...streams, ...documents };

function told(error) {
  return {
    type: error.constructor.name,
    name: error.error ?? error.payload?.error ?? error.code ?? error.name,
    message: error.message,
    status: error.status ?? null,
    headers: error.headers ?? {},
    cause: error.validationError?.message ?? error.cause?.message ?? null,
  };
}

async function answer(line) {
  const asked = JSON.parse(line);
  try {
    return { value: lexToJson((await answers[asked.do](jsonToLex(asked.given))) ?? null) };
  } catch (error) {
    return { error: told(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
process.exit(0); // whoever started it has gone, and with it whatever is still open

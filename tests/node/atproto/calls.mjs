// Methods, called by `@atproto/xrpc` with the router's own lexicons, judged by `@atproto/lexicon`.
import { Lexicons, ValidationError, parseLexiconDoc } from '@atproto/lexicon';
import { XrpcClient } from '@atproto/xrpc';
import { tokens } from './tokens.mjs';

export const lexicons = new Lexicons();

function refs(value) {
  if (Array.isArray(value)) return value.flatMap(refs);
  if (typeof value !== 'object' || value === null) return [];
  const own = value.type === 'ref' ? [value.ref] : value.type === 'union' ? value.refs : [];
  return [...own, ...Object.values(value).flatMap(refs)];
}

function check(nsid, params, data) {
  lexicons.assertValidXrpcParams(nsid, params ?? {});
  if (lexicons.getDefOrThrow(nsid).type === 'procedure') lexicons.assertValidXrpcInput(nsid, data);
}

function valid(nsid, params, data) {
  try {
    check(nsid, params, data);
    return true;
  } catch (error) {
    if (error instanceof ValidationError) return false;
    throw error;
  }
}

export const calls = {
  // Parse and add a document; the references in it that lead nowhere, once all are in.
  addLexicon({ document }) {
    lexicons.add(parseLexiconDoc(document));
    return document.id;
  },

  danglingRefs() {
    return refs([...lexicons]).filter((ref) => lexicons.getDef(ref) === undefined);
  },

  methods() {
    const all = [...lexicons].filter((document) => document.defs.main !== undefined);
    return Object.fromEntries(all.map((document) => [document.id, document.defs.main.type]));
  },

  // `unchecked` sends what the lexicon does not allow. The client itself refuses an invalid answer.
  async call({ service, nsid, params, data, headers, unchecked }) {
    if (!unchecked) check(nsid, params, data);
    const client = new XrpcClient(service, lexicons);
    const answer = await client.call(nsid, params, data, { headers });
    return { data: answer.data, headers: answer.headers };
  },

  // For calls that were made by another client: throws where input or answer is not what the lexicon says.
  judgeAnswer({ nsid, given, answer }) {
    check(nsid, given.params, given.data);
    lexicons.assertValidXrpcOutput(nsid, answer);
  },

  // What a client of a lexicon that the server does not have is told. The lexicon is forgotten again.
  async callOnce({ service, nsid, document }) {
    const client = new XrpcClient(service, [parseLexiconDoc(document)]);
    return client.call(nsid).then(
      () => null,
      (error) => ({ name: error.error, status: error.status }),
    );
  },

  // For each input: whether their validator takes it, and the name by which the server refuses it, if it does.
  async judge({ service, nsid, inputs, ...token }) {
    const verdicts = [];
    for (const input of inputs) {
      const asked = { service, nsid, ...input, unchecked: true };
      asked.headers = { authorization: await tokens.authorization({ ...token, lxm: nsid }) };
      const refused = await calls.call(asked).then(() => null, (error) => error.error);
      verdicts.push({ valid: valid(nsid, input.params, input.data), refused });
    }
    return verdicts;
  },
};

// Methods, called by `@atproto/xrpc` with the router's own lexicons, judged by `@atproto/lexicon`.
import { Lexicons, parseLexiconDoc } from '@atproto/lexicon';
import { XrpcClient } from '@atproto/xrpc';

export const lexicons = new Lexicons();

function refs(value) {
  if (Array.isArray(value)) return value.flatMap(refs);
  if (typeof value !== 'object' || value === null) return [];
  const own = value.type === 'ref' ? [value.ref] : value.type === 'union' ? value.refs : [];
  return [...own, ...Object.values(value).flatMap(refs)];
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
    if (!unchecked) {
      lexicons.assertValidXrpcParams(nsid, params ?? {});
      if (lexicons.getDefOrThrow(nsid).type === 'procedure') lexicons.assertValidXrpcInput(nsid, data);
    }
    const client = new XrpcClient(service, lexicons);
    const answer = await client.call(nsid, params, data, { headers });
    return { data: answer.data, headers: answer.headers };
  },
};

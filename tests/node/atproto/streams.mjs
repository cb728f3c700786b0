// Event streams, read by `@atproto/xrpc-server`'s own client of them.
import { Subscription, byFrame } from '@atproto/xrpc-server';
import { WebSocket } from 'ws';
import { calls, lexicons } from './calls.mjs';

function open(service, nsid, params, headers) {
  const url = `${service.replace(/^http/, 'ws')}/xrpc/${nsid}?${new URLSearchParams(params)}`;
  return new WebSocket(url, { headers });
}

export const streams = {
  // The first `count` messages, each valid by the lexicon; with `meanwhile`, a call that is made when they
  // have come, also what it brings about. Ends with the server's error and never connects twice.
  async subscribe({ service, nsid, params, headers, count, meanwhile }) {
    const ending = new AbortController();
    const subscription = new Subscription({
      service: service.replace(/^http/, 'ws'),
      method: nsid,
      headers,
      signal: ending.signal,
      getParams: () => params,
      validate: (message) => lexicons.assertValidXrpcMessage(nsid, message),
      onReconnectError: (error) => ending.abort(error),
    });
    const messages = [];
    for await (const message of subscription) {
      messages.push(message);
      if (messages.length === count && meanwhile) await calls.call(meanwhile);
      if (messages.length === count + (meanwhile ? 1 : 0)) break;
    }
    return messages;
  },

  // Every frame until the server closes, and how it closed. `meanwhile` is called after `count` frames.
  async frames({ service, nsid, params, headers, count, meanwhile }) {
    const socket = open(service, nsid, params, headers);
    const closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    const frames = [];
    for await (const frame of byFrame(socket)) {
      frames.push({ header: frame.header, body: frame.body });
      if (frames.length === count) await calls.call(meanwhile);
    }
    return { frames, ...(await closed) };
  },

  // The HTTP answer to an opening that is refused.
  async opening({ service, nsid, params, headers }) {
    const socket = open(service, nsid, params, headers);
    const answer = await new Promise((resolve, reject) => {
      socket.on('unexpected-response', (_request, response) => resolve(response));
      socket.on('open', () => reject(new Error('the stream was opened')));
    });
    const body = JSON.parse(Buffer.concat(await answer.toArray()));
    socket.on('error', () => {}); // that it never opened
    socket.terminate();
    return { status: answer.statusCode, body };
  },
};

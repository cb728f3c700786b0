// MLS messages as bytes: what `ts-mls` writes and reads, and the envelope that the contract pads them in.
import { decodeMlsMessage, encodeMlsMessage } from 'ts-mls';
import { makeKeyPackageRef } from 'ts-mls/keyPackage.js';

const SMALLEST = 512;
const STEP = 8192;
const HEADER = 4;

export const toBase64 = (bytes) => Buffer.from(bytes).toString('base64');
export const fromBase64 = (text) => new Uint8Array(Buffer.from(text, 'base64'));
export const toHex = (bytes) => Buffer.from(bytes).toString('hex');
export const lexBytes = (bytes) => ({ $bytes: toBase64(bytes).replace(/=+$/, '') });
export const fromLex = (value) => fromBase64(value.$bytes);

// The smallest size class that holds so many bytes: powers of two up to 8 KiB, then its multiples.
export function sizeClass(length) {
  let size = SMALLEST;
  while (size < length && size < STEP) size *= 2;
  return size < length ? Math.ceil(length / STEP) * STEP : size;
}

// A length of four bytes, the message, zeros.
export function inEnvelope(message) {
  const envelope = new Uint8Array(sizeClass(HEADER + message.length));
  new DataView(envelope.buffer).setUint32(0, message.length);
  envelope.set(message, HEADER);
  return envelope;
}

function outOfEnvelope(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const end = HEADER + length;
  const isEnvelope = sizeClass(end) === bytes.length && bytes.subarray(end).every((byte) => byte === 0);
  return isEnvelope ? bytes.subarray(HEADER, end) : bytes;
}

// A message of the kind named, in its envelope or without one. Nothing may follow it.
export function read(bytes, ...wireformats) {
  const inner = outOfEnvelope(bytes);
  const [message, length] = decodeMlsMessage(inner, 0) ?? [];
  if (message === undefined || length !== inner.length || !wireformats.includes(message.wireformat)) {
    throw new TypeError(`this is no ${wireformats.join(' or ')}`);
  }
  return message;
}

// The epoch a message of a group was made in, which its framing says in clear.
export function epochOf(bytes) {
  const { privateMessage, publicMessage } = read(bytes, 'mls_private_message', 'mls_public_message');
  return Number(privateMessage?.epoch ?? publicMessage.content.epoch);
}

export const write = (wireformat, content) => encodeMlsMessage({ version: 'mls10', wireformat, ...content });

export const keyPackageBytes = (keyPackage) => write('mls_key_package', { keyPackage });
export const keyPackageRef = async (keyPackage, cs) => toHex(await makeKeyPackageRef(keyPackage, cs.hash));

/** The frames of a Connect stream: one byte of flags, the length (32 bits, big-endian), and JSON. */
import { ConnectError } from './codes.ts';

export const HEAD_BYTES = 5;
const END_FLAG = 2;
/** Longest message of a client. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

export interface EndOfStream {
  readonly error?: { readonly code: string; readonly message: string };
}

function envelope(flags: number, text: string): Buffer {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + length);
  bytes[0] = flags;
  bytes.writeUInt32BE(length, 1);
  bytes.write(text, HEAD_BYTES);
  return bytes;
}

export const encodeMessage = (message: unknown): Buffer => envelope(0, JSON.stringify(message));

/** The last frame of every stream, also of one without an error. */
export const encodeEnd = (end: EndOfStream): Buffer => envelope(END_FLAG, JSON.stringify(end));

/** Returns the length of the message whose head the bytes begin with. Throws a {@link ConnectError} if it is compressed. */
export function lengthIn(bytes: Buffer): number {
  if (bytes[0] !== 0) throw new ConnectError('invalid_argument', 'Compressed messages are not supported. Send them as they are.');
  return bytes.readUInt32BE(1);
}

/** Returns the only message of a request. Throws a {@link ConnectError} for anything else. */
export function decodeOnly(bytes: Buffer): unknown {
  if (bytes.byteLength < HEAD_BYTES) throw new ConnectError('invalid_argument', 'The request has no message.');
  if (bytes.byteLength !== HEAD_BYTES + lengthIn(bytes))
    throw new ConnectError('invalid_argument', 'The request must have exactly one message.');
  return parseJson(bytes.subarray(HEAD_BYTES));
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Parses a JSON object; no bytes are the empty object. Throws a {@link ConnectError}. */
export function parseJson(bytes: Uint8Array): object {
  if (bytes.byteLength === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    throw new ConnectError('invalid_argument', 'The message is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConnectError('invalid_argument', 'The message must be a JSON object.');
  return value;
}

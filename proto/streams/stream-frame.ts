/**
 * Encodes and decodes StreamFrame of delivery.proto by hand, to save copies: encoding copies the
 * data once, decoding and forwarding do not copy it. A test compares the bytes with those of
 * protobufjs.
 */
import type { Codec } from '../codec.ts';
import type { Link } from '../link.ts';
import { ProtocolError } from '../protocol-error.ts';
import { isStreamReason, type StreamReason } from './reasons.ts';

export type StreamFrame =
  | { readonly kind: 'open'; readonly ticket: string }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  /** Allows the receiver of this frame to send this many more bytes. */
  | { readonly kind: 'credit'; readonly bytes: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset'; readonly reason: StreamReason; readonly message: string };

/** One connection or call that carries one byte stream. */
export type StreamLink = Link<StreamFrame, StreamFrame>;

/** Maximum data of one frame. */
export const MAX_DATA_BYTES = 256 * 1024;
/** Maximum length of an encoded frame: data, tag and length, with room to spare. */
export const MAX_STREAM_FRAME_BYTES = MAX_DATA_BYTES + 1024;
/** How long a slow peer can take to read the frames that were sent before the end. */
export const STREAM_FLUSH_MS = 30_000;
const MAX_TICKET_BYTES = 128;
/** Maximum length of the message in a reset; longer ones are cut. */
const MAX_MESSAGE_CHARACTERS = 200;

/** Tags: a field's number and its wire type. */
const DATA = (1 << 3) | 2;
const CREDIT = 2 << 3;
const END = (3 << 3) | 2;
const RESET = (4 << 3) | 2;
/** First byte of a guest's connection for a byte stream. No control frame begins with it. */
export const OPEN_TAG = (9 << 3) | 2;
const TEXT_1 = (1 << 3) | 2;
const TEXT_2 = (2 << 3) | 2;

export const streamFrames: Codec<StreamFrame> = { encode, decode, pieces };

/** The bytes that a frame was decoded from, reused when it is forwarded. */
const origins = new WeakMap<StreamFrame, Buffer>();

/** Returns the encoded frame in pieces, without copying its data. */
function pieces(frame: StreamFrame): readonly Buffer[] {
  if (frame.kind !== 'data' || origins.has(frame)) return [encode(frame)];
  return [Buffer.from([DATA, ...varint(frame.bytes.byteLength)]), frame.bytes];
}

function encode(frame: StreamFrame): Buffer {
  switch (frame.kind) {
    case 'data': {
      const origin = origins.get(frame);
      if (origin !== undefined) return origin;
      const head = varint(frame.bytes.byteLength);
      const bytes = Buffer.allocUnsafe(1 + head.length + frame.bytes.byteLength);
      bytes[0] = DATA;
      bytes.set(head, 1);
      frame.bytes.copy(bytes, 1 + head.length);
      return bytes;
    }
    case 'credit':
      return Buffer.from([CREDIT, ...varint(frame.bytes)]);
    case 'end':
      return Buffer.from([END, 0]);
    case 'reset':
      return delimited(
        RESET,
        Buffer.concat([text(TEXT_1, frame.reason), text(TEXT_2, frame.message.slice(0, MAX_MESSAGE_CHARACTERS).toWellFormed())]),
      );
    case 'open':
      return delimited(OPEN_TAG, text(TEXT_1, frame.ticket));
    default:
      return frame satisfies never;
  }
}

function decode(from: Uint8Array): StreamFrame {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  if (bytes.byteLength > MAX_STREAM_FRAME_BYTES) throw new ProtocolError('a stream frame is too long');
  const tag = bytes[0];
  const { value, at } = readVarint(bytes, 1);
  if (tag === CREDIT && at === bytes.byteLength) return { kind: 'credit', bytes: value };
  const body = bytes.subarray(at);
  // A frame is exactly one field.
  if (tag === CREDIT || body.byteLength !== value) throw new ProtocolError('not exactly one stream frame');
  switch (tag) {
    case DATA: {
      if (value === 0 || value > MAX_DATA_BYTES) throw new ProtocolError(`a stream frame with ${value} bytes of data`);
      const frame: StreamFrame = { kind: 'data', bytes: body };
      origins.set(frame, bytes);
      return frame;
    }
    case END:
      return { kind: 'end' };
    case OPEN_TAG: {
      if (value > MAX_TICKET_BYTES) throw new ProtocolError('a ticket is too long');
      return { kind: 'open', ticket: texts(body)[0] };
    }
    case RESET: {
      const [reason, message] = texts(body);
      return { kind: 'reset', reason: isStreamReason(reason) ? reason : 'failed', message: message.slice(0, MAX_MESSAGE_CHARACTERS) };
    }
    default:
      throw new ProtocolError('a stream frame of an unknown kind');
  }
}

const text = (tag: number, value: string): Buffer => (value === '' ? Buffer.alloc(0) : delimited(tag, Buffer.from(value)));
const delimited = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag, ...varint(body.byteLength)]), body]);

/** Returns the text fields 1 and 2 of a message; a missing one is empty. */
function texts(bytes: Buffer): [string, string] {
  const found: [string, string] = ['', ''];
  for (let next = 0; next < bytes.byteLength; ) {
    const tag = bytes[next];
    const { value: length, at } = readVarint(bytes, next + 1);
    if ((tag !== TEXT_1 && tag !== TEXT_2) || at + length > bytes.byteLength)
      throw new ProtocolError('a stream frame with an invalid text field');
    found[tag === TEXT_1 ? 0 : 1] = bytes.toString('utf8', at, at + length);
    next = at + length;
  }
  return found;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

function readVarint(bytes: Buffer, from: number): { readonly value: number; readonly at: number } {
  let value = 0;
  // No number here needs more than eight bytes.
  for (let at = from, scale = 1; at < from + 8; at += 1, scale *= 0x80) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80 && Number.isSafeInteger(value)) return { value, at: at + 1 };
  }
  throw new ProtocolError('a stream frame is cut off or has an invalid number');
}

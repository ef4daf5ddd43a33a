/**
 * StreamFrame of delivery.proto, encoded and decoded by hand: its data is copied once where it is encoded, not where it is decoded, and
 * not at all where a frame is passed on. A test compares the bytes with protobufjs's.
 */
import type { Codec } from '../codec.ts';
import type { Link } from '../link.ts';
import { ProtocolError } from '../protocol-error.ts';
import { isStreamReason, type StreamReason } from './reasons.ts';

export type StreamFrame =
  | { readonly kind: 'open'; readonly ticket: string }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  /** The sender of this frame takes so many more bytes. */
  | { readonly kind: 'credit'; readonly bytes: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset'; readonly reason: StreamReason; readonly message: string };

/** One connection or call that carries one byte stream. */
export type StreamLink = Link<StreamFrame, StreamFrame>;

/** Of one data frame. */
export const MAX_DATA_BYTES = 256 * 1024;
/** Of any frame as encoded: data, its tag and its length, with room to spare. */
export const MAX_STREAM_FRAME_BYTES = MAX_DATA_BYTES + 1024;
/** How long what was sent before the end may take to be read, by whoever is slow. */
export const STREAM_FLUSH_MS = 30_000;
const MAX_TICKET_BYTES = 128;
/** Of the sentence in a reset; what is longer is cut. */
const MAX_MESSAGE_CHARACTERS = 200;

/** Tags: the field's number and its wire type. */
const DATA = (1 << 3) | 2;
const CREDIT = 2 << 3;
const END = (3 << 3) | 2;
const RESET = (4 << 3) | 2;
/** With this a connection of a guest begins that carries a byte stream: no frame of its control connection does. */
export const OPEN_TAG = (9 << 3) | 2;
const TEXT_1 = (1 << 3) | 2;
const TEXT_2 = (2 << 3) | 2;

export const streamFrames: Codec<StreamFrame> = { encode, decode, pieces };

/** What a frame was decoded from, for whoever passes it on. */
const origins = new WeakMap<StreamFrame, Buffer>();

/** Data is not copied. */
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
  if (bytes.byteLength > MAX_STREAM_FRAME_BYTES) throw new ProtocolError('a frame of a byte stream that is too long');
  const tag = bytes[0];
  const { value, at } = readVarint(bytes, 1);
  if (tag === CREDIT && at === bytes.byteLength) return { kind: 'credit', bytes: value };
  const body = bytes.subarray(at);
  // One field and nothing after it: whoever speaks this protocol writes no more.
  if (tag === CREDIT || body.byteLength !== value) throw new ProtocolError('not one frame of a byte stream');
  switch (tag) {
    case DATA: {
      if (value === 0 || value > MAX_DATA_BYTES) throw new ProtocolError(`${value} bytes in one frame of a byte stream`);
      const frame: StreamFrame = { kind: 'data', bytes: body };
      origins.set(frame, bytes);
      return frame;
    }
    case END:
      return { kind: 'end' };
    case OPEN_TAG: {
      if (value > MAX_TICKET_BYTES) throw new ProtocolError('a ticket that is too long');
      return { kind: 'open', ticket: texts(body)[0] };
    }
    case RESET: {
      const [reason, message] = texts(body);
      return { kind: 'reset', reason: isStreamReason(reason) ? reason : 'failed', message: message.slice(0, MAX_MESSAGE_CHARACTERS) };
    }
    default:
      throw new ProtocolError('a frame of a byte stream of a kind that this version does not know');
  }
}

const text = (tag: number, value: string): Buffer => (value === '' ? Buffer.alloc(0) : delimited(tag, Buffer.from(value)));
const delimited = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag, ...varint(body.byteLength)]), body]);

/** Fields 1 and 2 of a message of texts; empty where one is not there. */
function texts(bytes: Buffer): [string, string] {
  const found: [string, string] = ['', ''];
  for (let next = 0; next < bytes.byteLength; ) {
    const tag = bytes[next];
    const { value: length, at } = readVarint(bytes, next + 1);
    if ((tag !== TEXT_1 && tag !== TEXT_2) || at + length > bytes.byteLength) throw new ProtocolError('not a message of texts');
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
  // Eight bytes hold more than any number here.
  for (let at = from, scale = 1; at < from + 8; at += 1, scale *= 0x80) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80 && Number.isSafeInteger(value)) return { value, at: at + 1 };
  }
  throw new ProtocolError('a frame of a byte stream that is cut off');
}

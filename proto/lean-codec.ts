/**
 * The guest protocol's codecs without a library. A test holds their bytes and values equal to
 * codec.ts. The guest runs in every session, where protobufjs and proto-loader cost 7 MB and a
 * third of the start time.
 *
 * https://protobuf.dev/programming-guides/encoding/
 */
import type { Codec } from './codec.ts';
import type { GuestFrame, HostFrame } from './frame.ts';
import { type Field, type MessageType, messageType } from './lean-schema.ts';
import { ProtocolError } from './protocol-error.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

const tag = (id: number, wireType: number) => varint(id * 8 + wireType);
const delimited = (id: number, bytes: Buffer) => [tag(id, BYTES), varint(bytes.byteLength), bytes];
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

function encodeMessage(type: MessageType, message: Readonly<Record<string, unknown>>): Buffer {
  const parts: Buffer[] = [];
  for (const field of type.fields) {
    const value = message[field.name];
    if (Array.isArray(value)) for (const one of value) parts.push(...encodeField(field, one, true));
    else if (value !== undefined && value !== null) parts.push(...encodeField(field, value, false));
  }
  return Buffer.concat(parts);
}

/** Omits default values, except in a oneof. */
function encodeField({ id, kind, name }: Field, value: unknown, always: boolean): Buffer[] {
  switch (kind.is) {
    case 'string':
      if (typeof value !== 'string') break;
      return value === '' && !always ? [] : delimited(id, Buffer.from(value));
    case 'uint':
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) break;
      return value === 0 && !always ? [] : [tag(id, VARINT), varint(value)];
    case 'bool':
      if (typeof value !== 'boolean') break;
      return value || always ? [tag(id, VARINT), varint(value ? 1 : 0)] : [];
    case 'enum': {
      const number = typeof value === 'string' ? kind.numbers.get(value) : undefined;
      if (number === undefined) break;
      return number === 0 && !always ? [] : [tag(id, VARINT), varint(number)];
    }
    case 'message':
      if (!isRecord(value)) break;
      return delimited(id, encodeMessage(kind.type(), value));
    case 'map':
      if (!isRecord(value)) break;
      return Object.entries(value).flatMap(([key, text]) =>
        delimited(id, Buffer.concat([...delimited(1, Buffer.from(key)), ...delimited(2, Buffer.from(String(text)))])),
      );
    default:
      return kind satisfies never;
  }
  throw new Error(`${name} cannot be ${typeof value}`);
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 0x80) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new ProtocolError('the message ended inside a number');
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new ProtocolError('a number longer than ten bytes');
  }

  bytes(length = this.varint()): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw new ProtocolError('the message ended inside a field');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === BYTES) this.bytes();
    else if (wireType === FIXED64) this.bytes(8);
    else if (wireType === FIXED32) this.bytes(4);
    else throw new ProtocolError(`a field of unknown wire type ${wireType}`);
  }
}

function emptyValue({ kind, repeated }: Field): unknown {
  if (repeated) return [];
  if (kind.is === 'string') return '';
  if (kind.is === 'uint') return 0;
  if (kind.is === 'bool') return false;
  if (kind.is === 'enum') return kind.names.get(0);
  return kind.is === 'map' ? {} : null;
}

function decodeMessage(type: MessageType, bytes: Buffer): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const field of type.fields) if (!field.choice) message[field.name] = emptyValue(field);
  const reader = new Reader(bytes);
  while (!reader.done) {
    const head = reader.varint();
    const wireType = head & 7;
    const field = type.byId.get(Math.floor(head / 8));
    const expected = field && ['string', 'message', 'map'].includes(field.kind.is) ? BYTES : VARINT;
    // A field of a newer version, or of the wrong type: skip it.
    if (!field || wireType !== expected) {
      reader.skip(wireType);
      continue;
    }
    const value = decodeField(field, reader);
    const held = message[field.name];
    if (Array.isArray(held)) held.push(value);
    else if (field.kind.is === 'map' && isRecord(held) && isRecord(value)) Object.assign(held, value);
    else message[field.name] = value;
    if (field.choice) message.body = field.name;
  }
  return message;
}

function decodeField({ kind }: Field, reader: Reader): unknown {
  switch (kind.is) {
    case 'string':
      return reader.bytes().toString();
    case 'uint':
      return reader.varint();
    case 'bool':
      return reader.varint() !== 0;
    case 'enum':
      // An unknown enum value becomes the unspecified one.
      return kind.names.get(reader.varint()) ?? kind.names.get(0);
    case 'message':
      return decodeMessage(kind.type(), reader.bytes());
    case 'map': {
      const entry = new Reader(reader.bytes());
      const pair = ['', ''];
      while (!entry.done) {
        const head = entry.varint();
        if ((head & 7) === BYTES && head >> 3 <= 2) pair[(head >> 3) - 1] = entry.bytes().toString();
        else entry.skip(head & 7);
      }
      return Object.fromEntries([pair]);
    }
    default:
      return kind satisfies never;
  }
}

function leanCodec<Frame extends { readonly kind: string; readonly value: object }>(name: string): Codec<Frame> {
  return {
    encode: (frame) => encodeMessage(messageType(name), { [frame.kind]: frame.value }),
    decode(bytes) {
      const message = decodeMessage(messageType(name), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      const kind = message.body;
      if (typeof kind !== 'string') throw new ProtocolError(`a ${name} of an unknown kind`);
      return { kind, value: message[kind] } as Frame;
    },
  };
}

export const guestFrames: Codec<GuestFrame> = leanCodec('raworc.guest.v0.GuestFrame');
export const hostFrames: Codec<HostFrame> = leanCodec('raworc.guest.v0.HostFrame');

/**
 * Frames within a byte stream: one byte for the kind, the length of the content (32 bits,
 * big-endian), and the content.
 */
import { StreamError } from './reasons.ts';

const HEAD_BYTES = 5;
/** Longest content of a frame. */
export const MAX_CONTENT_BYTES = 64 * 1024;

export interface KindFrame<Kind extends string> {
  readonly kind: Kind;
  readonly content: Buffer;
}

/** Encodes and decodes frames of these kinds. Both ends must list them in the same order. */
export class KindFrames<const Kind extends string> {
  readonly #kinds: readonly Kind[];

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
  }

  encode(kind: Kind, content: Uint8Array): Buffer {
    const bytes = Buffer.allocUnsafe(HEAD_BYTES + content.byteLength);
    bytes[0] = this.#kinds.indexOf(kind);
    bytes.writeUInt32BE(content.byteLength, 1);
    bytes.set(content, HEAD_BYTES);
    return bytes;
  }

  /** Yields the frames of a stream as they come. Throws a {@link StreamError} for anything else. */
  async *decode(stream: AsyncIterable<unknown>): AsyncGenerator<KindFrame<Kind>, void> {
    let unread: Buffer = Buffer.alloc(0);
    for await (const bytes of stream) {
      unread = unread.byteLength === 0 ? (bytes as Buffer) : Buffer.concat([unread, bytes as Buffer]);
      while (unread.byteLength >= HEAD_BYTES) {
        const length = unread.readUInt32BE(1);
        const kind = this.#kinds[unread[0] ?? this.#kinds.length];
        if (kind === undefined || length > MAX_CONTENT_BYTES) throw new StreamError('protocol', 'The other end sent an invalid frame.');
        if (unread.byteLength < HEAD_BYTES + length) break;
        const content = unread.subarray(HEAD_BYTES, HEAD_BYTES + length);
        unread = unread.subarray(HEAD_BYTES + length);
        yield { kind, content };
      }
    }
    if (unread.byteLength > 0) throw new StreamError('protocol', 'The stream ended within a frame.');
  }
}

/** Returns an object in a frame of JSON. Throws a {@link StreamError} for anything else. */
export function jsonIn(content: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(content.toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Below.
  }
  throw new StreamError('protocol', 'The other end sent an invalid frame.');
}

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

/** The archive of an agent's directory: an empty one. */
export const SOURCE: Uint8Array = gzipSync(new Uint8Array(1024));
export const SOURCE_DIGEST = `sha256:${createHash('sha256').update(SOURCE).digest('hex')}`;

/** Reads a stream to its end. Returns one at its end, or rejects with the error of the stream. */
export async function readThrough(context: NodeJS.ReadableStream): Promise<NodeJS.ReadableStream> {
  for await (const _ of context);
  return Readable.from([]);
}

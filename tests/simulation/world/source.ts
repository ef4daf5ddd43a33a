import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

/** What an agent's directory is packed to: an archive of nothing. */
export const SOURCE: Uint8Array = gzipSync(new Uint8Array(1024));
export const SOURCE_DIGEST = `sha256:${createHash('sha256').update(SOURCE).digest('hex')}`;

/** Reads it to its end, and gives one that is read already. Rejects with what is wrong with it. */
export async function readThrough(context: NodeJS.ReadableStream): Promise<NodeJS.ReadableStream> {
  for await (const _ of context);
  return Readable.from([]);
}

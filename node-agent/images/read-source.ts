import { createHash } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import { messageOf } from '../../seams/message-of.ts';
import { judgeEntry, SOURCE_BOUNDS } from '../domain/source-entry.ts';

/** A source that cannot be part of an image. The message is a clause for the user. */
export class BadSource extends Error {
  override readonly name = 'BadSource';
}

/** The content of a file. */
type Entry = tar.Extract extends AsyncIterable<infer Item> ? Item : never;

export type SourcePart =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly sizeBytes: number; readonly content: Entry }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/**
 * Calls `take` with each entry of an agent's packed source, one after another; it must read a
 * file's content. Rejects with {@link BadSource} at a forbidden entry, or after the last one if the
 * source does not have its digest.
 */
export async function readSource(
  agent: string,
  digest: string,
  packed: AsyncIterable<Uint8Array>,
  take: (part: SourcePart) => Promise<void>,
): Promise<void> {
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _, next) {
      hash.update(chunk);
      next(null, chunk);
    },
  });
  let unpackedBytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _, next) {
      unpackedBytes += chunk.byteLength;
      next(unpackedBytes > SOURCE_BOUNDS.unpackedBytes ? bad('it unpacks to more than 512 MiB') : null, chunk);
    },
  });
  const bad = (reason: string) => new BadSource(`the source of the agent ${agent} is invalid: ${reason}`);
  const extract = tar.extract();
  const read = pipeline(Readable.from(packed), hashing, createGunzip(), bounded, extract);
  read.catch(() => undefined);
  let entries = 0;
  try {
    for await (const item of extract) {
      const { name, type, mode, size, linkname } = item.header;
      entries += 1;
      if (entries > SOURCE_BOUNDS.entries) throw bad(`it has more than ${SOURCE_BOUNDS.entries} entries`);
      const verdict = judgeEntry({ name, type: type ?? 'file', mode: mode ?? 0o644, target: linkname ?? '' });
      if (!verdict.ok) throw bad(verdict.reason);
      if (verdict.kind === 'file') {
        await take({ kind: 'file', path: verdict.path, mode: verdict.mode, sizeBytes: size ?? 0, content: item });
        continue;
      }
      item.resume();
      if (verdict.kind === 'directory') await take({ kind: 'directory', path: verdict.path, mode: verdict.mode });
      if (verdict.kind === 'link') await take({ kind: 'link', path: verdict.path, target: verdict.target });
    }
    await read;
  } catch (error) {
    extract.destroy();
    await read.catch(() => undefined);
    throw error instanceof BadSource ? error : bad(`it cannot be read (${messageOf(error)})`);
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw bad('its content does not match its digest');
}

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import type { SourcePart } from './read-source.ts';

/** Equal content gives an equal layer. */
const ROOT = { uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: new Date(0) };

/** A tar that is written while it is read. */
export interface Packing {
  readonly stream: Readable;
  /** Rejects with the error that destroyed the stream. */
  readonly done: Promise<void>;
}

export function packing(fill: (pack: tar.Pack) => Promise<void>): Packing {
  const pack = tar.pack();
  const stream = Readable.from(pack, { objectMode: false });
  const givenUp = new Promise<never>((_, reject) => {
    stream.once('close', () => reject(new Error('the build was cancelled')));
  });
  const filled = fill(pack).then(() => pack.finalize());
  const done = Promise.race([filled, givenUp]).catch((error: unknown) => {
    const fault = error instanceof Error ? error : new Error(String(error));
    pack.destroy(fault);
    stream.destroy(fault);
    throw fault;
  });
  stream.on('close', () => pack.destroy());
  stream.on('error', () => undefined);
  done.catch(() => undefined);
  givenUp.catch(() => undefined);
  return { stream, done };
}

export function packEntry(
  pack: tar.Pack,
  header: { name: string; mode: number; type?: 'directory' | 'symlink'; linkname?: string },
  content = '',
): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry({ ...header, ...ROOT }, content, (error) => (error ? reject(error) : resolve()));
  });
}

/** Adds an entry of a source below a directory; '' is the root. */
export async function packPart(pack: tar.Pack, below: string, part: SourcePart): Promise<void> {
  const name = below + part.path;
  if (part.kind === 'directory') await packEntry(pack, { name, type: 'directory', mode: part.mode });
  else if (part.kind === 'link') await packEntry(pack, { name, type: 'symlink', linkname: part.target, mode: 0o777 });
  else await pipeline(part.content, pack.entry({ name, size: part.sizeBytes, mode: part.mode, ...ROOT }));
}

import { opendirSync } from 'node:fs';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import { encodeJson } from '../../proto/streams/files-paths.ts';
import { LIST_BOUNDS, type ListFiles } from '../../proto/streams/files-request.ts';
import type { ListLine } from '../../proto/streams/files-stream.ts';
import { entryAt } from './entries.ts';
import { attempt, FileFault, shown } from './faults.ts';
import { begin, written } from './output.ts';
import { absolute, type Pinned, pin, pinBelow, type Roots } from './places.ts';

/** Lines are joined up to this length. */
const PIECE_CHARACTERS = 32 * 1024;

/**
 * Sends a page of a directory: each entry before those below it, names in the order of their bytes.
 * Links are not followed. Memory is bounded by the page, however large the directory is.
 */
export async function listFiles(stream: ByteStream, roots: Roots, request: ListFiles, breathe: () => Promise<void>): Promise<void> {
  const path = absolute(roots, request.path);
  const pinned = pin(roots, path);
  try {
    if (!attempt(path, () => pinned.stat()).isDirectory())
      throw new FileFault('conflict', `${shown(path)} is not a directory. Send stat=true to look at it.`);
    const walk = attempt(path, () => new Walk(pinned, path, request));
    await begin(stream, { ok: true, entry: entryAt(path, Buffer.from(`${pinned.path}/.`)) });
    let text = '';
    for (const entry of walk.entries()) {
      text += `${encodeJson({ entry } satisfies ListLine)}\n`;
      if (text.length < PIECE_CHARACTERS) continue;
      await written(stream, text);
      text = '';
      await breathe();
      if (stream.destroyed) return;
    }
    await written(stream, `${text}${JSON.stringify({ end: true, more: walk.hasMore } satisfies ListLine)}\n`);
    stream.end();
  } finally {
    pinned.close();
  }
}

class Walk {
  readonly #root: Pinned;
  readonly #path: Bytes;
  readonly #depth: number;
  readonly #after: readonly Bytes[];
  #left: number;
  #leftBytes: number = LIST_BOUNDS.bytes;
  hasMore = false;

  constructor(root: Pinned, path: Bytes, { depth, limit, after }: ListFiles) {
    this.#root = root;
    this.#path = path === '/' ? '' : path;
    this.#depth = depth;
    this.#left = limit;
    this.#after = after === undefined ? [] : after.split('/');
    // So that a directory that cannot be read is refused before the answer begins.
    opendirSync(root.path).closeSync();
  }

  *entries() {
    yield* this.#below(this.#root, this.#path, this.#depth, this.#after);
  }

  *#below(directory: Pinned, path: Bytes, depth: number, after: readonly Bytes[]): Generator<ReturnType<typeof entryAt>> {
    const [first, ...rest] = after;
    for (const name of smallest(directory, first, rest.length > 0 || depth > 1, this.#left + 1)) {
      const isDone = name === first;
      if (!isDone && (this.#left === 0 || this.#leftBytes <= 0)) {
        this.hasMore = true;
        return;
      }
      const entry = seen(`${path}/${name}`, directory.in(name));
      if (entry === undefined) continue;
      if (!isDone) {
        this.#left -= 1;
        this.#leftBytes -= 2 * entry.path.length + 200;
        yield entry;
      }
      if (entry.type !== 'directory' || depth <= 1) continue;
      const child = attempted(() => pinBelow(directory, name));
      if (child === undefined) continue;
      try {
        yield* this.#below(child, entry.path, depth - 1, isDone ? rest : []);
      } finally {
        child.close();
      }
      if (this.hasMore) return;
    }
  }
}

/** Returns the first names from `from` on, in order; `from` itself only `withIt`. */
function smallest(directory: Pinned, from: Bytes | undefined, withIt: boolean, most: number): readonly Bytes[] {
  const names: Bytes[] = [];
  const opened = attempted(() => opendirSync(directory.path, { encoding: 'latin1', bufferSize: 256 }));
  if (opened === undefined) return [];
  const trim = () => {
    names.sort(inOrder);
    names.length = Math.min(names.length, most);
  };
  try {
    for (let found = opened.readSync(); found !== null; found = opened.readSync()) {
      const { name } = found;
      if (from !== undefined && (name < from || (name === from && !withIt))) continue;
      names.push(name);
      if (names.length >= 2 * most + 1000) trim();
    }
  } finally {
    opened.closeSync();
  }
  trim();
  return names;
}

const inOrder = (a: Bytes, b: Bytes): number => (a < b ? -1 : a > b ? 1 : 0);

/** Undefined for what vanished meanwhile, or cannot be seen. */
const seen = (path: Bytes, at: Buffer) => attempted(() => entryAt(path, at));

function attempted<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

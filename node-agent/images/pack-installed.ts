import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar, { type Header } from 'tar-stream';
import { BadSource } from './read-source.ts';

/** For one agent, and for all of an image. */
const MAX_ENTRIES = { agent: 300_000, image: 1_000_000 } as const;
const MAX_BYTES = { agent: 2 * 2 ** 30, image: 6 * 2 ** 30 } as const;

/** Bounds what is installed for all agents of an image together. */
export class InstallRoom {
  #entries = 0;
  #bytes = 0;

  /** Counts an entry. Returns what is too much; undefined if it fits. */
  take(bytes: number): string | undefined {
    this.#entries += 1;
    this.#bytes += bytes;
    if (this.#entries > MAX_ENTRIES.image) return `more than ${MAX_ENTRIES.image} files with those of the other agents`;
    return this.#bytes > MAX_BYTES.image ? `more than ${MAX_BYTES.image / 2 ** 30} GiB with those of the other agents` : undefined;
  }
}

export interface InstalledFor {
  /** For whom or what, as the end of "what was installed for …". */
  readonly owner: string;
  readonly key: string;
  readonly room: InstallRoom;
}

/**
 * Adds what was installed to a build context below `deps/{key}`, owned by root. Times stay, because
 * Python compares them with those in its compiled files. Only files, directories and links can be
 * part of it. Rejects with {@link BadSource} otherwise.
 */
export async function packInstalled(pack: tar.Pack, { owner, key, room }: InstalledFor, output: AsyncIterable<Uint8Array>): Promise<void> {
  const bad = (what: string) => new BadSource(`what was installed for ${owner} cannot be part of an image: it has ${what}`);
  const inside = (name: string) => {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..') || name.startsWith('/')) throw bad('a path outside of its directory');
    return [`deps/${key}`, ...parts].join('/');
  };
  const extract = tar.extract();
  const read = pipeline(Readable.from(output), extract);
  read.catch(() => undefined);
  let entries = 0;
  let bytes = 0;
  // What is below a link would be written where it leads: over the Dockerfile of the context, too.
  const links = new Set<string>();
  const direct = (name: string) => {
    const path = inside(name);
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
      if (links.has(path.slice(0, at))) throw bad('a path through a link');
    return path;
  };
  for await (const item of extract) {
    const { name, type = 'file', mode = 0o644, size = 0, linkname, mtime = new Date(0) } = item.header;
    entries += 1;
    bytes += size;
    if (entries > MAX_ENTRIES.agent) throw bad(`more than ${MAX_ENTRIES.agent} files`);
    if (bytes > MAX_BYTES.agent) throw bad(`more than ${MAX_BYTES.agent / 2 ** 30} GiB`);
    const excess = room.take(size);
    if (excess !== undefined) throw bad(excess);
    const header = { name: direct(name), mtime, uid: 0, gid: 0, uname: 'root', gname: 'root' };
    const target = linkname ?? '';
    if (type === 'file' || type === 'contiguous-file') {
      await pipeline(item, pack.entry({ ...header, size, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 }));
      continue;
    }
    item.resume();
    if (type === 'directory') await packEmpty(pack, { ...header, type, mode: 0o755 });
    else if (type === 'symlink') {
      links.add(header.name);
      await packEmpty(pack, { ...header, type, mode: 0o777, linkname: target });
    } else if (type === 'link') await packEmpty(pack, { ...header, type, mode: 0o644, linkname: direct(target) });
    else throw bad(`a ${type}`);
  }
  await read;
}

const packEmpty = (pack: tar.Pack, header: Partial<Header> & { readonly name: string }): Promise<void> =>
  new Promise((resolve, reject) => {
    pack.entry(header, '', (error) => (error ? reject(error) : resolve()));
  });

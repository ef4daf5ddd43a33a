import { lstatSync, readFileSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import type { FileEntry, FileType } from '../../proto/streams/files-stream.ts';

export function typeOf(stat: Stats): FileType {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  return stat.isSocket() ? 'socket' : 'device';
}

/** Changes whenever a file is replaced, and when its content was changed in place. */
export const tagOf = ({ ino, size, mtimeMs }: Pick<Stats, 'ino' | 'size' | 'mtimeMs'>): string =>
  `${ino.toString(36)}-${size.toString(36)}-${Math.round(mtimeMs * 1000).toString(36)}`;

/** Describes what is at `at`, without following a link. `path` is how the caller knows it. */
export function entryAt(path: Bytes, at: Buffer, stat: Stats = lstatSync(at)): FileEntry {
  const { size, mode, mtimeMs, uid, gid } = stat;
  const owner = nameOf('/etc/passwd', uid);
  const group = nameOf('/etc/group', gid);
  return {
    ...{ path, type: typeOf(stat), size, mode: mode & 0o7777, modifiedAtMs: Math.round(mtimeMs), uid, gid, tag: tagOf(stat) },
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    ...(stat.isSymbolicLink() ? { link: linkAt(at) } : {}),
  };
}

function linkAt(at: Buffer): NonNullable<FileEntry['link']> {
  const text = attempted(() => readlinkSync(at, { encoding: 'latin1' })) ?? '';
  const target = attempted(() => realpathSync.native(at, { encoding: 'latin1' }));
  const stat = target === undefined ? undefined : attempted(() => statSync(at, { throwIfNoEntry: false }));
  if (target === undefined || stat === undefined) return { text };
  return { text, target, type: typeOf(stat), size: stat.size, mode: stat.mode & 0o7777 };
}

function attempted<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Larger files of accounts are not read. */
const MAX_ACCOUNT_BYTES = 256 * 1024;
interface Accounts {
  readonly tag: string;
  readonly names: ReadonlyMap<number, string>;
}
const accounts = new Map<string, Accounts>();
const NONE: Accounts = { tag: '', names: new Map() };

/** Returns the name of an account or group in the session, if it has one. */
function nameOf(file: '/etc/passwd' | '/etc/group', id: number): string | undefined {
  const stat = attempted(() => statSync(file, { throwIfNoEntry: false }));
  const tag = stat?.isFile() === true && stat.size <= MAX_ACCOUNT_BYTES ? tagOf(stat) : '';
  let known = accounts.get(file) ?? NONE;
  if (known.tag !== tag) {
    known = { tag, names: attempted(() => namesIn(readFileSync(file, 'latin1'))) ?? NONE.names };
    accounts.set(file, known);
  }
  return known.names.get(id);
}

function namesIn(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (/^\d{1,10}$/.test(id) && name !== '' && name.length <= 64 && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

import { type Bytes, bufferOf } from '../../../proto/streams/files-paths.ts';
import type { FileEntry } from '../../../proto/streams/files-stream.ts';

const TYPES: Readonly<Record<string, string>> = { file: 'FILE_TYPE_FILE', directory: 'FILE_TYPE_DIRECTORY' };
const LETTERS = 'rwxrwxrwx';

export const textOf = (path: Bytes): string => bufferOf(path).toString();
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Returns an entry as E2B shows it. A link has the type and the mode of what it leads to. */
export function entryInfo(entry: FileEntry, path = textOf(entry.path)) {
  const { link } = entry;
  const type = link === undefined ? entry.type : link.type;
  const mode = (link?.mode ?? entry.mode) & 0o777;
  const size = link?.size ?? entry.size;
  return {
    name: nameOf(path),
    type: TYPES[type ?? ''] ?? 'FILE_TYPE_UNSPECIFIED',
    path,
    size: entry.type === 'directory' ? Math.max(size, 4096) : size,
    mode,
    permissions: permissionsOf(link !== undefined ? 'L' : entry.type === 'directory' ? 'd' : '-', mode),
    owner: entry.owner ?? String(entry.uid),
    group: entry.group ?? String(entry.gid),
    modifiedTime: new Date(entry.modifiedAtMs).toISOString(),
    ...(link?.target === undefined ? {} : { symlinkTarget: textOf(link.target) }),
  };
}

/** Whether lists show it: links that lead nowhere are left out. */
export const isShown = ({ link }: FileEntry): boolean => link === undefined || link.target !== undefined;

const permissionsOf = (kind: string, mode: number): string =>
  `${kind}${[...LETTERS].map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : '-')).join('')}`;

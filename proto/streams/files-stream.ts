/**
 * The content of a stream of kind `files`. To the guest: one byte, at which the operation starts,
 * then the content of a file or archive, if it takes one. From the guest: a head as JSON behind its
 * length (32 bits, big-endian), then the content of a file or archive, or lines of JSON.
 */
import { type Bytes, decodeJson, encodeJson, fieldsOf, isCount, isFlag, isMode, isOptional, isString, malformed } from './files-paths.ts';

export const FILES = 'files';
/** The first byte to the guest. */
export const FILES_START = Buffer.of(1);
export const MAX_HEAD_BYTES = 64 * 1024;
/** Longest line of JSON: an entry with two paths. */
export const MAX_LINE_BYTES = 64 * 1024;
export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device';

/** What lstat says of a path, and of the target of a link. */
export interface FileEntry {
  readonly path: Bytes;
  readonly type: FileType;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** Unix milliseconds. */
  readonly modifiedAtMs: number;
  readonly uid: number;
  readonly gid: number;
  /** The account's name, if the session has one. */
  readonly owner?: string;
  readonly group?: string;
  /** Changes with the content. */
  readonly tag: string;
  readonly link?: {
    readonly text: Bytes;
    /** Absolute, without links; undefined if it leads nowhere. */
    readonly target?: Bytes;
    readonly type?: FileType;
    readonly size?: number;
    readonly mode?: number;
  };
}

export const FILE_FAULTS = ['not_found', 'conflict', 'too_large', 'no_space', 'invalid', 'changed', 'range', 'denied', 'busy'] as const;
export type FileFaultCode = (typeof FILE_FAULTS)[number];

/** The first answer: what follows, or why nothing does. */
export type FilesHead =
  | {
      readonly ok: true;
      readonly entry?: FileEntry;
      /** Of a file: the first byte that follows, and how many; null: until the end of the stream. */
      readonly start?: number;
      readonly length?: number | null;
      /** Whether something was created, rather than replaced. */
      readonly created?: boolean;
      /** Of an unpacked archive. */
      readonly unpacked?: { readonly files: number; readonly directories: number; readonly links: number; readonly bytes: number };
    }
  | { readonly ok: false; readonly code: FileFaultCode; readonly message: string; readonly size?: number };

/** After the entries of a page: whether more follow. */
export type ListLine = { readonly entry: FileEntry } | { readonly end: true; readonly more: boolean };

export const CHANGES = ['created', 'modified', 'removed', 'attributes'] as const;
export type FileChange = (typeof CHANGES)[number];
/** `lost`: changes are missing here; list again. `ready`: everything from here on is seen. */
export type WatchLine =
  | {
      readonly change: FileChange;
      readonly path: Bytes;
      readonly entry?: FileEntry;
      /** Of a removal: the name that the file has now, as far as it is known. */
      readonly renamedTo?: Bytes;
    }
  | 'lost'
  | 'ready'
  | 'gone';

export function encodeHead(head: FilesHead): Buffer {
  const json = Buffer.from(encodeJson(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.byteLength);
  return Buffer.concat([length, json]);
}

/** Returns the head at the start of the bytes, and how long it is; undefined until it is whole. */
export function headIn(bytes: Buffer): { readonly head: FilesHead; readonly length: number } | undefined {
  if (bytes.byteLength < 4) return undefined;
  const length = bytes.readUInt32BE(0);
  if (length > MAX_HEAD_BYTES) throw malformed();
  if (bytes.byteLength < 4 + length) return undefined;
  return { head: checkedHead(decodeJson(bytes.subarray(4, 4 + length).toString())), length: 4 + length };
}

function checkedHead(value: unknown): FilesHead {
  const { ok, code, message, size, entry, start, length, created, unpacked } = fieldsOf(value);
  if (ok === false) {
    const known = FILE_FAULTS.find((one) => one === code);
    if (known === undefined || !isString(message) || !isOptional(size, isCount)) throw malformed();
    return { ok, code: known, message: message.slice(0, 1000), ...(size === undefined ? {} : { size }) };
  }
  const isLength = length === null || isOptional(length, isCount);
  if (ok !== true || !isOptional(start, isCount) || !isLength || !isOptional(created, isFlag)) throw malformed();
  return {
    ok,
    ...(entry === undefined ? {} : { entry: checkedEntry(entry) }),
    ...(start === undefined ? {} : { start }),
    ...(length === undefined ? {} : { length }),
    ...(created === undefined ? {} : { created }),
    ...(unpacked === undefined ? {} : { unpacked: checkedCounts(unpacked) }),
  };
}

function checkedCounts(value: unknown) {
  const { files, directories, links, bytes } = fieldsOf(value);
  if (!isCount(files) || !isCount(directories) || !isCount(links) || !isCount(bytes)) throw malformed();
  return { files, directories, links, bytes };
}

const TYPES = ['file', 'directory', 'symlink', 'fifo', 'socket', 'device'] as const;
const isType = (value: unknown): value is FileType => TYPES.some((one) => one === value);
const isName = (value: unknown): value is string => isString(value) && value.length <= 256;

function checkedEntry(value: unknown): FileEntry {
  const { path, type, size, mode, modifiedAtMs, uid, gid, owner, group, tag, link } = fieldsOf(value);
  const isEntry = isString(path) && isType(type) && isCount(size) && isMode(mode) && isCount(uid) && isCount(gid) && isName(tag);
  const isTime = typeof modifiedAtMs === 'number' && Math.abs(modifiedAtMs) <= 8.64e15;
  if (!isEntry || !isTime || !isOptional(owner, isName) || !isOptional(group, isName)) throw malformed();
  return {
    ...{ path, type, size, mode, modifiedAtMs, uid, gid, tag },
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    ...(link === undefined ? {} : { link: checkedLink(link) }),
  };
}

function checkedLink(value: unknown): NonNullable<FileEntry['link']> {
  const { text, target, type, size, mode } = fieldsOf(value);
  if (!isString(text) || !isOptional(target, isString) || !isOptional(type, isType)) throw malformed();
  if (!isOptional(size, isCount) || !isOptional(mode, isMode)) throw malformed();
  return {
    text,
    ...(target === undefined ? {} : { target }),
    ...(type === undefined ? {} : { type }),
    ...(size === undefined ? {} : { size }),
    ...(mode === undefined ? {} : { mode }),
  };
}

/** Decodes a line of a list. Throws a {@link StreamError} for anything else. */
export function listLine(text: string): ListLine {
  const { entry, end, more } = fieldsOf(decodeJson(text));
  if (end === true && isFlag(more)) return { end, more };
  return { entry: checkedEntry(entry) };
}

/** Decodes a line of a watch. Throws a {@link StreamError} for anything else. */
export function watchLine(text: string): WatchLine {
  const value = decodeJson(text);
  if (value === 'lost' || value === 'ready' || value === 'gone') return value;
  const { change, path, entry, renamedTo } = fieldsOf(value);
  const known = CHANGES.find((one) => one === change);
  if (known === undefined || !isString(path) || !isOptional(renamedTo, isString)) throw malformed();
  return {
    ...{ change: known, path },
    ...(entry === undefined ? {} : { entry: checkedEntry(entry) }),
    ...(renamedTo === undefined ? {} : { renamedTo }),
  };
}

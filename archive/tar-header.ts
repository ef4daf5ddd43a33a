/**
 * Headers of tar, as GNU tar writes them: names are bytes, and the length of none is bounded. A
 * library would make text of the names and lose what is not UTF-8.
 */

/** A name or path on Linux, as a string with one character for each byte. */
export type Bytes = string;

export type TarType = 'file' | 'directory' | 'symlink' | 'link';

export interface TarEntry {
  readonly name: Bytes;
  readonly type: TarType;
  /** Bytes of content; 0 for all but files. */
  readonly size: number;
  readonly mode: number;
  readonly mtimeMs: number;
  readonly uid: number;
  readonly gid: number;
  /** Of links: where they lead. */
  readonly target: Bytes;
}

export const BLOCK_BYTES = 512;
const FLAGS: Readonly<Record<TarType, string>> = { file: '0', link: '1', symlink: '2', directory: '5' };
/** Types of records before an entry: its long name, its long target, and what POSIX adds. */
const LONG_NAME = 'L';
const LONG_TARGET = 'K';
const GLOBAL = 'g';

/** The two empty blocks at the end. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** Bytes up to the next block. */
export const paddingOf = (size: number): number => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;

/** Returns the header of an entry, with what comes before it if its name or target is long. */
export function encodeTarHeader(entry: TarEntry): Buffer {
  const { name, target } = entry;
  const main = header(entry, FLAGS[entry.type]);
  if (name.length <= 100 && target.length <= 100) return main;
  const before = [
    ...(name.length > 100 ? [record(LONG_NAME, Buffer.from(`${name}\0`, 'latin1'))] : []),
    ...(target.length > 100 ? [record(LONG_TARGET, Buffer.from(`${target}\0`, 'latin1'))] : []),
  ];
  return Buffer.concat([...before, main]);
}

/** Returns a comment, which programs that unpack ignore. */
export function encodeTarComment(text: string): Buffer {
  const content = ` comment=${text.replaceAll('\n', ' ')}\n`;
  const bytes = Buffer.byteLength(content);
  let length = bytes + String(bytes).length;
  length = bytes + String(length).length;
  return record(GLOBAL, Buffer.from(`${length}${content}`));
}

function record(flag: string, content: Buffer): Buffer {
  const entry = { name: '././@LongLink', type: 'file', size: content.byteLength, mode: 0, mtimeMs: 0, uid: 0, gid: 0, target: '' } as const;
  return Buffer.concat([header(entry, flag), content, Buffer.alloc(paddingOf(content.byteLength))]);
}

function header({ name, size, mode, mtimeMs, uid, gid, target }: TarEntry, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name.slice(0, 100), 0, 'latin1');
  number(block, 100, 8, mode & 0o7777);
  number(block, 108, 8, uid);
  number(block, 116, 8, gid);
  number(block, 124, 12, size);
  number(block, 136, 12, Math.max(0, Math.floor(mtimeMs / 1000)));
  block.write(flag, 156, 'latin1');
  block.write(target.slice(0, 100), 157, 'latin1');
  block.write('ustar  \0', 257, 'latin1');
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Octal where it fits, else binary with the first bit set. */
function number(block: Buffer, at: number, length: number, value: number): void {
  const octal = value.toString(8);
  if (octal.length < length) block.write(octal.padStart(length - 1, '0'), at, 'latin1');
  else {
    block.writeUIntBE(value, at + length - 6, 6);
    block[at] = 0x80;
  }
}

/** The sum of a header's bytes, with blanks for the sum itself. */
function checksum(block: Buffer): number {
  let sum = 8 * 32;
  for (let at = 0; at < BLOCK_BYTES; at += 1) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum;
}

/** What is wrong with an archive. */
export class TarFault extends Error {}

/** A header as it is in the archive: names and sizes are not put together yet. */
export interface RawHeader extends TarEntry {
  readonly flag: string;
}

const TYPES: Readonly<Record<string, TarType>> = { '0': 'file', '\0': 'file', '7': 'file', '1': 'link', '2': 'symlink', '5': 'directory' };

/** Decodes a block. Undefined for an empty one. Throws a {@link TarFault} for what is no header. */
export function decodeTarHeader(block: Buffer): RawHeader | undefined {
  const sum = parseNumber(block, 148, 8);
  if (sum !== checksum(block)) {
    if (block.every((byte) => byte === 0)) return undefined;
    throw new TarFault('The archive is damaged, or it is not a tar. Send it uncompressed.');
  }
  const flag = String.fromCharCode(block[156] ?? 0);
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? text(block, 345, 155) : '';
  const short = text(block, 0, 100);
  const name = prefix === '' ? short : `${prefix}/${short}`;
  return {
    ...{ flag, name, type: name.endsWith('/') && flag !== '1' && flag !== '2' ? 'directory' : (TYPES[flag] ?? 'file') },
    size: parseNumber(block, 124, 12),
    mode: parseNumber(block, 100, 8) & 0o7777,
    mtimeMs: parseNumber(block, 136, 12) * 1000,
    uid: parseNumber(block, 108, 8),
    gid: parseNumber(block, 116, 8),
    target: text(block, 157, 100),
  };
}

/** Whether an entry of that flag can be unpacked, describes the next entry, or can be left out. */
export function kindOfFlag(flag: string): 'entry' | 'long-name' | 'long-target' | 'pax' | 'global' | 'unsupported' {
  if (Object.hasOwn(TYPES, flag)) return 'entry';
  switch (flag) {
    case LONG_NAME:
      return 'long-name';
    case LONG_TARGET:
      return 'long-target';
    case 'x':
    case 'X':
      return 'pax';
    case GLOBAL:
      return 'global';
    default:
      return 'unsupported';
  }
}

function text(block: Buffer, at: number, length: number): Bytes {
  const end = block.indexOf(0, at);
  return block.toString('latin1', at, end === -1 || end > at + length ? at + length : end);
}

function parseNumber(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first === 0x80) {
    const value = block.readUIntBE(at + length - 6, 6);
    if (block.subarray(at + 1, at + length - 6).some((byte) => byte !== 0))
      throw new TarFault('The archive has a number that is too large.');
    return value;
  }
  // Before 1970, which no file system here needs.
  if (first === 0xff) return 0;
  const value = Number.parseInt(block.toString('latin1', at, at + length).replaceAll(/[\0 ]/g, ''), 8);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** The records of a POSIX header: "LENGTH KEY=VALUE\n" each. */
export function paxRecords(bytes: Buffer): ReadonlyMap<string, Bytes> {
  const records = new Map<string, Bytes>();
  for (let at = 0; at < bytes.byteLength; ) {
    const blank = bytes.indexOf(32, at);
    const length = Number.parseInt(bytes.toString('latin1', at, blank), 10);
    const equals = bytes.indexOf(61, blank);
    if (blank === -1 || equals === -1 || !(length > 0) || at + length > bytes.byteLength || equals >= at + length)
      throw new TarFault('The archive has a damaged header.');
    records.set(bytes.toString('latin1', blank + 1, equals), bytes.toString('latin1', equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

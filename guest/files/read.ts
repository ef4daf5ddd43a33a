import type { Stats } from 'node:fs';
import { closeSync, constants, read } from 'node:fs';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import type { ByteRange, ReadFile } from '../../proto/streams/files-request.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import { entryAt, tagOf } from './entries.ts';
import { attempt, FileFault, faultOf, shown } from './faults.ts';
import { begin, written } from './output.ts';
import { absolute, pin, type Roots, reopen } from './places.ts';

const PIECE_BYTES = 256 * 1024;

/**
 * Sends the bytes of a regular file, as many as it had when it was opened: a file that grows ends
 * there, and one that shrinks ends the stream with an error. Of a file of /proc or /sys, which says
 * that it is empty, everything is sent.
 */
export async function readFile(stream: ByteStream, roots: Roots, request: ReadFile): Promise<void> {
  const path = absolute(roots, request.path);
  const pinned = pin(roots, path);
  let fd: number | undefined;
  try {
    const stat = attempt(path, () => pinned.stat());
    checkIsFile(stat, path);
    fd = attempt(path, () => reopen(pinned, constants.O_RDONLY));
    const entry = entryAt(path, Buffer.from(pinned.path), stat);
    const range = request.ifRange === undefined || request.ifRange === tagOf(stat) ? request.range : undefined;
    const { start, end } = withinFile(range, stat.size, path);
    if (stat.size > 0) {
      await begin(stream, { ok: true, entry, start, length: end - start });
      return await send(stream, { fd, path }, start, end);
    }
    const first = await piece(fd, 0, PIECE_BYTES).catch((error: unknown) => {
      throw faultOf(error, path);
    });
    await begin(stream, { ok: true, entry, start: 0, length: first.byteLength === 0 ? 0 : null });
    await written(stream, first);
    if (first.byteLength > 0) await send(stream, { fd, path }, first.byteLength, undefined);
    else stream.end();
  } finally {
    if (fd !== undefined) closeSync(fd);
    pinned.close();
  }
}

export function checkIsFile(stat: Stats, path: string): void {
  if (stat.isFile()) return;
  if (stat.isDirectory())
    throw new FileFault('conflict', `${shown(path)} is a directory. Send archive=tar for its content, or list=true for its entries.`);
  throw new FileFault('conflict', `${shown(path)} is not a regular file, but a pipe, a socket or a device. It has no content to transfer.`);
}

function withinFile(range: ByteRange | undefined, size: number, path: string): { readonly start: number; readonly end: number } {
  if (range === undefined) return { start: 0, end: size };
  const { start, end } =
    'last' in range
      ? { start: Math.max(0, size - range.last), end: range.last === 0 ? 0 : size }
      : { start: range.start, end: Math.min(range.end ?? size, size) };
  if (start >= end) throw new FileFault('range', `${shown(path)} has ${size} bytes, and none of them is in the range.`, size);
  return { start, end };
}

async function send(
  stream: ByteStream,
  { fd, path }: { readonly fd: number; readonly path: string },
  start: number,
  end: number | undefined,
) {
  for (let at = start; end === undefined || at < end; ) {
    if (stream.destroyed) return;
    const bytes = await piece(fd, end === undefined ? undefined : at, Math.min(PIECE_BYTES, (end ?? Number.POSITIVE_INFINITY) - at));
    if (bytes.byteLength === 0 && end === undefined) break;
    if (bytes.byteLength === 0) throw new StreamError('failed', `${shown(path)} became shorter while it was read. Read it again.`);
    at += bytes.byteLength;
    await written(stream, bytes);
  }
  stream.end();
}

/** Reads on from the file's own position if `at` is undefined. */
function piece(fd: number, at: number | undefined, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.allocUnsafe(length);
    read(fd, bytes, 0, length, at ?? null, (error, count) => (error === null ? resolve(bytes.subarray(0, count)) : reject(error)));
  });
}

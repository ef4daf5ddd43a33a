import { closeSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FileRead } from '../../sdk/raworc.ts';
import { Trouble } from '../io.ts';

/** Each piece costs the client more than its bytes do. */
const PIECE_BYTES = 1024 * 1024;

/** Opens a file to read it. */
export async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    throw troubleWith(path, error);
  }
}

/** Yields the content of an open file. */
export async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer, void> {
  for (;;) {
    const bytes = Buffer.allocUnsafe(PIECE_BYTES);
    const { bytesRead } = await file.read(bytes, 0, PIECE_BYTES, null);
    if (bytesRead === 0) return;
    yield bytes.subarray(0, bytesRead);
  }
}

/** Yields what a response holds. Throws a {@link Trouble} if the connection breaks off. */
export async function* received({ bytes }: Pick<FileRead, 'bytes'>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* bytes;
  } catch (error) {
    throw new Trouble('The connection ended before everything had come. Copy it again', { cause: error });
  }
}

/** Saves a file in one step, and returns its size: what was there stays until all of it has come. */
export async function saved(at: string, read: Pick<FileRead, 'bytes' | 'mode'>, progress: (bytes: number) => void): Promise<number> {
  const beside = join(dirname(at), `.${basename(at).slice(0, 200)}.raworc-${process.pid}`);
  const bits = Number.parseInt(read.mode ?? '644', 8) & 0o777;
  const fd = attempt(at, () => openSync(beside, 'wx', bits));
  let isOpen = true;
  let total = 0;
  try {
    for await (const piece of received(read)) {
      // Synchronously: a turn of the thread pool takes longer than the write of a piece.
      attempt(at, () => writeAll(fd, piece));
      total += piece.byteLength;
      progress(piece.byteLength);
    }
    isOpen = false;
    attempt(at, () => closeSync(fd));
    attempt(at, () => renameSync(beside, at));
  } catch (error) {
    if (isOpen) closeSync(fd);
    unlinkSync(beside);
    throw error;
  }
  return total;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at);
}

/** Runs `work` on a path of this machine. Throws a {@link Trouble} that names it. */
export function attempt<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw troubleWith(path, error);
  }
}

function troubleWith(path: string, error: unknown): Trouble {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return new Trouble(code === 'ENOENT' ? `There is no ${path}` : `Cannot use ${path}: ${code}`);
}

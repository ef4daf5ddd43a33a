import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { packFolder } from '../../archive/pack-folder.ts';
import { PathFolder } from '../../archive/path-folder.ts';
import { TarFault } from '../../archive/tar-header.ts';
import { Unpacker } from '../../archive/unpack-folder.ts';
import { type FileRead, type Raworc, RaworcError, type SessionFiles } from '../../sdk/raworc.ts';
import { visibleName } from '../../seams/terminal-text.ts';
import { type Io, Misuse, size, Trouble } from '../io.ts';
import { findSession } from '../reference.ts';
import { step } from '../steps.ts';
import { attempt, opened, piecesOf, received, saved } from './local-file.ts';

export interface CopyOptions {
  readonly wake: boolean;
}

/** A place in a session, or undefined for one on this machine. */
function remoteIn(text: string): { readonly session: string; readonly path: string } | undefined {
  const [, session, path] = /^([^/:]+):(.*)$/s.exec(text) ?? [];
  return session === undefined || path === undefined ? undefined : { session, path };
}

/** Copies files or directories to or from a session. As with cp -r, into a directory if there is one. */
export async function copy(io: Io, raworc: Raworc, from: string, to: string, { wake }: CopyOptions): Promise<void> {
  const [source, target] = [remoteIn(from), remoteIn(to)];
  if ((source === undefined) === (target === undefined)) throw new Misuse('cp takes a path here and a SESSION:PATH, in either order');
  const files = raworc.files(await findSession(raworc, (source ?? target)?.session ?? ''));
  const title = `Copied ${from} to ${to}`;
  if (target !== undefined) return upload(io, { files, wake, title }, from, target.path);
  if (source !== undefined) return download(io, { files, wake, title }, source.path, to);
}

interface Job {
  readonly files: SessionFiles;
  readonly wake: boolean;
  readonly title: string;
}

async function upload(io: Io, { files, wake, title }: Job, from: string, path: string): Promise<void> {
  if (from === '-') return void (await files.write(path, webOf(io.stdin), { wake }));
  const stat = attempt(from, () => statSync(from));
  const there = await existing(files, path, wake);
  if (path.endsWith('/') && there !== 'directory') throw new Trouble(`There is no directory ${path} in the session`);
  const name = basename(attempt(from, () => join(process.cwd(), from)));
  const at = there === 'directory' ? `${path === '' ? '.' : path}/${name}` : path;
  await step(io, title, async (note, { doing }) => {
    const progress = progressOf(doing, stat.isDirectory() ? undefined : stat.size);
    if (stat.isDirectory()) {
      const archive = packFolder(new PathFolder(Buffer.from(from).toString('latin1')));
      const { files: count, bytes } = await files.upload(at, ReadableStream.from(counted(archive, progress)), { wake });
      note(`${count} files, ${size(bytes)}`);
      return;
    }
    if (!stat.isFile()) throw new Trouble(`${from} is neither a file nor a directory`);
    const mode = (stat.mode & 0o777).toString(8);
    const file = await opened(from);
    try {
      // Unlike Readable.toWeb, this copies no piece.
      const written = await files.write(at, ReadableStream.from(counted(piecesOf(file), progress)), { mode, wake });
      note(size(written.size));
    } finally {
      await file.close();
    }
  });
}

async function download(io: Io, { files, wake, title }: Job, path: string, to: string): Promise<void> {
  const stat = await files.stat(path, { wake });
  const isDirectory = (stat.link?.type ?? stat.type) === 'directory';
  if (to === '-') {
    if (isDirectory) throw new Misuse('A directory cannot be written to standard output');
    return pipeline(readableOf(await files.read(path)), io.stdout.stream, { end: false });
  }
  const there = localType(to);
  if (to.endsWith('/') && there !== 'directory') throw new Trouble(`There is no directory ${to}`);
  // A name of the session's making never leads out of the directory.
  const name = stat.name === '' || stat.name === '.' || stat.name === '..' ? 'root' : stat.name;
  const at = there === 'directory' ? join(to, name) : to;
  // An earlier copy can have brought it: then the session says where it leads.
  if (isDirectory && there === 'directory' && lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw new Trouble(`${at} is a link. Remove it, or copy to the directory that it leads to`);
  await step(io, title, async (note, { doing, print }) => {
    if (!isDirectory) {
      const read = await files.read(path);
      const bytes = await saved(at, read, progressOf(doing, read.size));
      note(size(bytes));
      return;
    }
    const archive = await files.download(path);
    const progress = progressOf(doing, undefined);
    if (localType(at) === undefined) attempt(at, () => mkdirSync(at));
    const unpacker = new Unpacker(new PathFolder(Buffer.from(at).toString('latin1')), {
      modes: 0o777,
      comment: (text) => print(visibleName(Buffer.from(text, 'latin1').toString())),
    });
    try {
      for await (const piece of received(archive)) {
        progress(piece.byteLength);
        unpacker.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
      }
      const { files: count, bytes } = unpacker.finish();
      note(`${count} files, ${size(bytes)}`);
    } catch (error) {
      if (error instanceof TarFault) throw new Trouble(error.message);
      throw error;
    } finally {
      unpacker.close();
    }
  });
}

async function* counted(pieces: Iterable<Buffer> | AsyncIterable<Buffer>, progress: (bytes: number) => void): AsyncGenerator<Buffer, void> {
  for await (const piece of pieces) {
    progress(piece.byteLength);
    yield piece;
  }
}

/** Shows how far a copy is, at most ten times a second. */
function progressOf(doing: (text: string) => void, total: number | undefined): (bytes: number) => void {
  let done = 0;
  let shownAt = 0;
  return (bytes) => {
    done += bytes;
    const now = performance.now();
    if (now - shownAt < 100) return;
    shownAt = now;
    doing(total === undefined ? size(done) : `${size(done)} of ${size(total)}`);
  };
}

const webOf = (stream: Readable): ReadableStream<Uint8Array> => Readable.toWeb(stream) as ReadableStream<Uint8Array>;
const readableOf = ({ bytes }: Pick<FileRead, 'bytes'>): Readable => Readable.fromWeb(bytes as Parameters<typeof Readable.fromWeb>[0]);

async function existing(files: SessionFiles, path: string, wake: boolean): Promise<string | undefined> {
  try {
    const { type, link } = await files.stat(path, { wake });
    return link?.type ?? type;
  } catch (error) {
    if (error instanceof RaworcError && error.code === 'NOT_FOUND' && path !== '') return undefined;
    throw error;
  }
}

function localType(path: string): 'directory' | 'other' | undefined {
  const stat = statSync(path, { throwIfNoEntry: false }) ?? lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : stat.isDirectory() ? 'directory' : 'other';
}

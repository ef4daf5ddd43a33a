import { constants } from 'node:fs';
import { packFile, packFolder } from '../../archive/pack-folder.ts';
import { TarFault } from '../../archive/tar-header.ts';
import { Unpacker } from '../../archive/unpack-folder.ts';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import type { PackDirectory, UnpackDirectory } from '../../proto/streams/files-request.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import { entryAt } from './entries.ts';
import { attempt, FileFault, faultOf, shown } from './faults.ts';
import { answer, begin, written } from './output.ts';
import { PinnedFolder } from './pinned-folder.ts';
import { absolute, lstatIn, makeDirectories, pin, placeOf, type Roots } from './places.ts';

/** Sends a directory, or a file or link by itself, as a tar. */
export async function pack(stream: ByteStream, roots: Roots, request: PackDirectory): Promise<void> {
  const path = absolute(roots, request.path);
  const pinned = pin(roots, path);
  try {
    const stat = attempt(path, () => pinned.stat());
    await begin(stream, { ok: true, entry: entryAt(path, Buffer.from(`${pinned.path}`), stat) });
    if (stat.isDirectory()) {
      const closed = closedIn(roots, pinned.real());
      return await send(stream, packFolder(new PinnedFolder(pinned), closed === undefined ? {} : { isClosed: closed }));
    }
    const { directory, name } = placeOf(roots, path);
    try {
      await send(stream, packFile(new PinnedFolder(directory), name));
    } finally {
      directory.close();
    }
  } finally {
    pinned.close();
  }
}

/** Leaves out the guest's directory, which the user cannot read. */
function closedIn({ closed }: Roots, real: Bytes): ((name: Bytes, level: number) => boolean) | undefined {
  const above = closed.slice(0, closed.lastIndexOf('/'));
  const name = closed.slice(above.length + 1);
  return real === above ? (found, level) => level === 0 && found === name : undefined;
}

async function send(stream: ByteStream, pieces: Iterable<Buffer>): Promise<void> {
  try {
    for (const piece of pieces) {
      if (stream.destroyed) return;
      await written(stream, piece);
    }
  } catch (error) {
    throw new StreamError('failed', error instanceof Error ? error.message : String(error));
  }
  stream.end();
}

/** Unpacks a tar into a directory, which is created if it is missing. */
export async function unpack(stream: ByteStream, roots: Roots, request: UnpackDirectory): Promise<void> {
  const path = absolute(roots, request.path);
  if (path !== '/') {
    const place = placeOf(roots, path, true);
    try {
      if (attempt(path, () => lstatIn(place)) === undefined) makeDirectories(roots, path);
    } finally {
      place.directory.close();
    }
  }
  const pinned = attempt(path, () => pin(roots, path, constants.O_DIRECTORY));
  const closed = closedIn(roots, pinned.real());
  const unpacker = new Unpacker(new PinnedFolder(pinned), {
    modes: 0o7777,
    check([first = '']) {
      if (closed?.(first, 0) === true) throw new FileFault('denied', `${shown(`${path}/${first}`)} belongs to Raworc and is closed.`);
    },
  });
  try {
    await received(stream, (bytes) => unpacker.write(bytes));
    answer(stream, { ok: true, unpacked: unpacker.finish() });
  } catch (error) {
    if (error instanceof TarFault) throw new FileFault('invalid', error.message);
    throw faultOf(error, unpacker.current === '' ? path : `${path}/${unpacker.current}`);
  } finally {
    unpacker.close();
    pinned.close();
  }
}

/** Takes the content to its end. If `take` throws, the stream stays open for the answer. */
function received(stream: ByteStream, take: (bytes: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      stream.off('data', data).off('end', end).off('close', cut);
      if (error === undefined) resolve();
      else reject(error);
    };
    const data = (bytes: Buffer) => {
      try {
        take(bytes);
      } catch (error) {
        settle(error);
      }
    };
    const end = () => settle();
    const cut = () => settle(new StreamError('cancelled'));
    stream.on('data', data).once('end', end).once('close', cut);
    if (stream.destroyed) cut();
  });
}

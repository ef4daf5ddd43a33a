import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { filesRequest } from '../../proto/streams/files-request.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import { isStarted } from '../streams/stream-turns.ts';
import { pack, unpack } from './archives.ts';
import { changeMode, makeDirectory, move, stat } from './change.ts';
import { FileFault, headOfFault } from './faults.ts';
import type { Leftovers } from './leftovers.ts';
import { listFiles } from './list.ts';
import { answer, hasBegun } from './output.ts';
import type { Roots } from './places.ts';
import { readFile } from './read.ts';
import { remove } from './remove.ts';
import { type WatchTurns, watchFiles } from './watch.ts';
import { writeFile } from './write.ts';

export interface FilesDeps extends WatchTurns {
  readonly roots: Roots;
  readonly leftovers: Leftovers;
  readonly isRoot: boolean;
  /** Lets other streams have a turn. */
  breathe(): Promise<void>;
}

/**
 * Does what a stream of kind `files` asks for, once its first byte came. It has the rights of the
 * process it runs in and no others: that, not the care below, is what protects everything else.
 */
export async function serveFiles(stream: ByteStream, parameters: unknown, deps: FilesDeps): Promise<void> {
  const request = filesRequest(parameters);
  if (!(await isStarted(stream))) return void stream.destroy();
  try {
    await done(stream, request, deps);
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    // After the head, only a reset can say why.
    if (hasBegun(stream)) throw new StreamError('failed', error.message);
    answer(stream, headOfFault(error));
  }
}

function done(stream: ByteStream, request: ReturnType<typeof filesRequest>, deps: FilesDeps): Promise<void> | void {
  const { roots, breathe } = deps;
  switch (request.op) {
    case 'read':
      return readFile(stream, roots, request);
    case 'write':
      return writeFile(stream, roots, request, deps.leftovers);
    case 'list':
      return listFiles(stream, roots, request, breathe);
    case 'stat':
      return answer(stream, stat(roots, request));
    case 'mkdir':
      return answer(stream, makeDirectory(roots, request));
    case 'move':
      return move(roots, request, { ...deps, isOver: () => stream.destroyed }).then((head) => answer(stream, head));
    case 'chmod':
      return answer(stream, changeMode(roots, request));
    case 'remove':
      return remove(roots, request, breathe).then((head) => answer(stream, head));
    case 'watch':
      return watchFiles(stream, roots, request, deps);
    case 'pack':
      return pack(stream, roots, request);
    case 'unpack':
      return unpack(stream, roots, request);
    default:
      return request satisfies never;
  }
}

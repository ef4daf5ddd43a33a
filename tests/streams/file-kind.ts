/** Kinds of streams that only tests add to a guest: what they read is on the session's disk, as an agent's files are. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { StreamKinds } from '../../guest/streams/stream-kinds.ts';

const CHUNK_BYTES = 256 * 1024;

const pathIn = (parameters: unknown): string => String(Object.entries(Object(parameters)).find(([name]) => name === 'path')?.[1]);

export const kinds: StreamKinds = {
  /** One file, from its start to its end. */
  async file(stream, parameters) {
    stream.resume();
    await pipeline(createReadStream(pathIn(parameters), { highWaterMark: CHUNK_BYTES }), stream);
  },
  /** Bytes without end. */
  async endless(stream) {
    stream.resume();
    const bytes = Buffer.alloc(CHUNK_BYTES, 'x');
    const more = () => {
      while (!stream.destroyed && stream.write(bytes));
    };
    stream.on('drain', more);
    more();
  },
};

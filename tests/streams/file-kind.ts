/** Kinds of streams that only tests add to a guest: what they read is on the session's disk, as an agent's files are. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { LineStore } from '../../guest/logs/line-store.ts';
import { logStream } from '../../guest/streams/logs.ts';
import type { StreamKinds } from '../../guest/streams/stream-kinds.ts';

const CHUNK_BYTES = 256 * 1024;

const pathIn = (parameters: unknown): string => String(Object.entries(Object(parameters)).find(([name]) => name === 'path')?.[1]);

/** The lines of one file as those of an agent, without the bound of the guest's own store. */
const linesOf = (path: string): LineStore => ({
  keep: () => undefined,
  follow: () => ({ close: () => undefined }),
  async newest({ agents: [agent = ''] }) {
    const texts = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
    const lines = texts.map((line) => ({ agent, runId: '00000000-0000-0000-0000-000000000000', stream: 'STDOUT', atMs: 1, line }) as const);
    return { lines, left: 0 };
  },
});

export const kinds: StreamKinds = {
  /** One file, from its start to its end. */
  async file(stream, parameters) {
    stream.resume();
    await pipeline(createReadStream(pathIn(parameters), { highWaterMark: CHUNK_BYTES }), stream);
  },
  /** One file as log lines. */
  lines: (stream, parameters) =>
    logStream(linesOf(pathIn(parameters)))(stream, { agents: ['echo'], stream: 'all', limit: 1, sinceMs: 0, follow: false }),
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

import { once } from 'node:events';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { encodeLogged, type LogRequest, logRequest, type StreamedLine } from '../../proto/streams/log-stream.ts';
import type { KeptLine, LineStore } from '../logs/line-store.ts';
import type { StreamHandler } from './stream-kinds.ts';

/** New lines buffered for a slow reader. Further ones are dropped, and counted in the next line. */
const MAX_WAITING_CHARACTERS = 256 * 1024;
/** Existing lines are joined up to this length, so that each does not cost a frame. */
const PIECE_CHARACTERS = 32 * 1024;

/**
 * Sends the newest lines of agents and, with `follow`, new ones until the reader ends the stream.
 * A reader that returns with `sinceMs` learns how many lines it missed beyond `limit`.
 */
export const logStream =
  (store: LineStore): StreamHandler =>
  async (stream, parameters) => {
    const request = logRequest(parameters);
    const { agents, limit, follow, sinceMs } = request;
    const matches = wantedBy(request);
    // Subscribes and reads in the same turn, so that no line is missed or repeated.
    const fresh = follow ? new FreshLines(store, agents, matches) : undefined;
    const kept = store.newest({ agents, limit, matches });
    stream.resume();
    stream.once('close', () => fresh?.close());
    stream.once('end', () => {
      fresh?.close();
      if (fresh !== undefined) stream.end();
    });
    let piece = '';
    const { lines, left } = await kept;
    for (const [at, line] of lines.entries()) {
      piece += encodeLogged(streamed(line, at === 0 && follow && sinceMs > 0 ? left : 0));
      if (piece.length < PIECE_CHARACTERS) continue;
      await written(stream, piece);
      piece = '';
    }
    if (fresh === undefined) return void stream.end(piece);
    await written(stream, piece + encodeLogged('live'));
    for (;;) {
      const text = await fresh.next();
      if (text === undefined || stream.writableEnded || stream.destroyed) return;
      await written(stream, text);
    }
  };

/** Buffers the new lines of agents until it is closed. */
class FreshLines {
  readonly #following: readonly { close(): void }[];
  #lines: string[] = [];
  #characters = 0;
  #dropped = 0;
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(store: LineStore, agents: readonly string[], matches: (line: KeptLine) => boolean) {
    const add = (line: KeptLine) => {
      if (!matches(line)) return;
      if (this.#characters >= MAX_WAITING_CHARACTERS) {
        this.#dropped += 1;
        return;
      }
      const text = encodeLogged(streamed(line, this.#dropped));
      this.#dropped = 0;
      this.#lines.push(text);
      this.#characters += text.length;
      this.#wake();
    };
    this.#following = agents.map((agent) => store.follow(agent, add));
  }

  /** Resolves to the buffered lines once there are any, or to undefined once closed. */
  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#isClosed) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#isClosed) return undefined;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#characters = 0;
    return text;
  }

  close(): void {
    this.#isClosed = true;
    for (const following of this.#following) following.close();
    this.#wake();
  }
}

const wantedBy =
  ({ stream, sinceMs, untilMs, run }: LogRequest) =>
  (line: KeptLine): boolean =>
    line.atMs >= sinceMs &&
    line.atMs <= untilMs &&
    (run === undefined || line.runId === run) &&
    (stream === 'all' || streamed(line, 0).stream === stream);

const streamed = ({ agent, runId, stream, line, atMs }: KeptLine, dropped: number): StreamedLine => ({
  ...{ agent, runId, line, atMs, dropped },
  stream: stream === 'STDERR' ? 'stderr' : 'stdout',
});

async function written(stream: ByteStream, text: string): Promise<void> {
  if (stream.destroyed || stream.writableEnded || text === '' || stream.write(text)) return;
  await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(() => undefined);
}

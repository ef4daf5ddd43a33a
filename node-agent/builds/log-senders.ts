import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { BUILD_LOG_WINDOW_BYTES, encodePart } from '../../proto/streams/build-log.ts';
import { ByteStream } from '../../proto/streams/byte-stream.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import type { Host } from '../host.ts';
import { BuildLog } from './build-log.ts';

/** Logs of builds that ended, kept until the controller has them. The oldest are dropped first. */
const MAX_UNDELIVERED = 8;

export interface LogSendersDeps extends Pick<Host, 'dialer' | 'clock' | 'random' | 'log'> {
  readonly metrics?: Metrics | undefined;
}

interface Kept {
  readonly attempt: string;
  readonly log: BuildLog;
  sending: AbortController | undefined;
  isOver: boolean;
}

/**
 * Sends the logs of builds to the controller, each over a byte stream that its ticket opens. A new
 * ticket, after a lost connection, sends the log once more: the controller skips what it has.
 */
export class LogSenders {
  readonly #deps: LogSendersDeps;
  readonly #kept = new Map<string, Kept>();
  readonly #sending = new Set<Promise<void>>();
  readonly #dropped: Counter;
  #isClosed = false;

  constructor(deps: LogSendersDeps) {
    this.#deps = deps;
    this.#dropped = (deps.metrics ?? silentMetrics).counter({
      name: 'node_build_logs_dropped_total',
      help: 'Logs of ended builds that were dropped before the controller had read them.',
    });
  }

  has(buildId: string): boolean {
    return this.#kept.has(buildId);
  }

  /** Returns the log of a new attempt at a build. */
  begin(buildId: string): BuildLog {
    this.#forget(buildId);
    const log = new BuildLog(this.#deps.clock);
    this.#kept.set(buildId, { attempt: this.#deps.random.uuid(), log, sending: undefined, isOver: false });
    return log;
  }

  /** Sends the log of a build, from its beginning. Does nothing if there is none. */
  send(buildId: string, ticket: string): void {
    const kept = this.#kept.get(buildId);
    if (kept === undefined || ticket === '' || this.#isClosed) return;
    kept.sending?.abort(new Error('the log is sent on a newer stream'));
    const sending = new AbortController();
    kept.sending = sending;
    const work = this.#send(buildId, kept, ticket, sending.signal)
      .catch((error: unknown) => {
        if (!sending.signal.aborted) this.#deps.log.info('build.log_not_sent', { build: buildId, error: messageOf(error) });
      })
      .finally(() => {
        this.#sending.delete(work);
        if (kept.sending === sending) kept.sending = undefined;
      });
    this.#sending.add(work);
  }

  /** The build ended. `isWanted`: the controller can still ask for its log. */
  ended(buildId: string, isWanted: boolean): void {
    const kept = this.#kept.get(buildId);
    if (kept === undefined) return;
    kept.log.end();
    kept.isOver = true;
    if (!isWanted && kept.sending === undefined) return this.#forget(buildId);
    const over = [...this.#kept].filter(([, one]) => one.isOver);
    for (const [oldest] of over.slice(0, Math.max(0, over.length - MAX_UNDELIVERED))) {
      this.#dropped.add();
      this.#forget(oldest);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const buildId of [...this.#kept.keys()]) this.#forget(buildId);
    await Promise.all(this.#sending);
  }

  #forget(buildId: string): void {
    this.#kept.get(buildId)?.sending?.abort(new Error('the log is no longer wanted'));
    this.#kept.delete(buildId);
  }

  async #send(buildId: string, kept: Kept, ticket: string, signal: AbortSignal): Promise<void> {
    const { attempt, log } = kept;
    const link = await this.#deps.dialer.stream(signal);
    // Before the stream, which begins with credit for the other end.
    link.send({ kind: 'open', ticket });
    const stream = new ByteStream(link, { credit: BUILD_LOG_WINDOW_BYTES, lost: 'controller_lost' });
    stream.on('error', () => undefined);
    const abort = () => void stream.destroy();
    signal.addEventListener('abort', abort);
    try {
      stream.resume();
      async function* encoded() {
        yield Buffer.from(encodePart({ attempt }));
        for await (const lines of log.lines(signal)) if (lines.length > 0) yield Buffer.from(lines.map(encodePart).join(''));
      }
      await pipeline(Readable.from(encoded(), { highWaterMark: 1 }), stream);
      // The controller ends its direction when it has stored everything.
      await finished(stream, { writable: false });
      if (this.#kept.get(buildId) === kept) this.#kept.delete(buildId);
    } finally {
      signal.removeEventListener('abort', abort);
      stream.destroy();
    }
  }
}

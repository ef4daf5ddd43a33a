import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../../seams/metrics.ts';
import { RefusedError } from '../../../domain/engine/outcome.ts';
import type { SqlRow } from '../columns.ts';
import { programBeside, RestartingThread } from '../restarting-thread.ts';

/** A statement as Kysely compiles it. */
export interface Query {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /**
   * The result ends before the JSON of its rows would exceed this. The first row is always
   * included.
   */
  readonly maxBytes?: number;
}

export interface ReadRequest {
  readonly id: number;
  readonly statements: readonly Query[];
}
export type ReadAnswer =
  | { readonly id: number; readonly results: readonly (readonly SqlRow[])[] }
  | { readonly id: number; readonly error: string };

interface Waiting extends ReadRequest {
  readonly bytes: number;
  resolve(results: readonly (readonly SqlRow[])[]): void;
  reject(error: Error): void;
}

export interface ReaderDeps {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Bound of the thread's heap. Beyond it the thread ends, but not the controller. */
  readonly heapMib?: number;
  /** The sync in progress: what was read can be of the commit that it is about. */
  readonly durable?: () => Promise<void> | undefined;
}

/** Reads that wait for the thread. Beyond either bound, a read is refused at once. */
export const MAX_WAITING = 1000;
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/**
 * Requests that the thread has at a time: the current one and the next. With more, its answers
 * would pile up before this thread reads them.
 */
const MAX_SENT = 2;
const HEAP_MIB = 512;

/**
 * Runs statements on a thread with its own connection, so that no list delays the applier or a
 * stream. When the thread ends, its reads fail with UNAVAILABLE and it restarts, with a growing
 * delay while it answers nothing.
 */
export class Reader {
  readonly #deps: ReaderDeps;
  readonly #queue: Waiting[] = [];
  readonly #sent = new Map<number, Waiting>();
  readonly #counts;
  readonly #thread: RestartingThread<ReadAnswer>;
  #waitingBytes = 0;
  #next = 1;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
    const metrics = deps.metrics ?? silentMetrics;
    this.#counts = {
      restarts: metrics.counter({ name: 'reader_restarts_total', help: 'Restarts of the thread that reads lists.' }),
      refused: metrics.counter({ name: 'reader_refused_total', help: 'Refused lists, by reason.', labels: ['reason'] }),
    };
    metrics.gauge({ name: 'reader_waiting', help: 'Lists waiting for the reader thread or being read.', read: () => this.#waiting });
    metrics.gauge({ name: 'reader_waiting_bytes', help: 'Bytes of the waiting statements.', read: () => this.#waitingBytes });
    this.#thread = new RestartingThread({
      program: programBeside(import.meta.url, 'reader-worker'),
      workerData: { path: deps.path },
      heapMib: deps.heapMib ?? HEAP_MIB,
      clock: deps.clock,
      onMessage: (answer) => this.#settle(answer),
      onEnd: (error, delayMs) => this.#ended(error, delayMs),
    });
    this.#thread.start();
  }

  /** Whether lists can be read now. */
  get isUp(): boolean {
    return this.#thread.isUp;
  }

  /**
   * Returns the rows of each query, all from one commit. Rejects with a {@link RefusedError} while
   * the thread restarts or is overloaded.
   */
  async read(queries: readonly Query[]): Promise<readonly (readonly SqlRow[])[]> {
    if (!this.#thread.isUp) {
      this.#counts.refused.add(1, { reason: 'down' });
      throw isAway();
    }
    const bytes = queries.reduce((sum, query) => sum + bytesOf(query), 0);
    if (this.#waiting >= MAX_WAITING || this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#counts.refused.add(1, { reason: 'full' });
      throw new RefusedError('RATE_LIMITED', 'Too many lists are being read. Retry in a moment.', { retry_after_s: 1 });
    }
    const { promise, resolve, reject } = Promise.withResolvers<readonly (readonly SqlRow[])[]>();
    this.#waitingBytes += bytes;
    this.#queue.push({ id: this.#next++, statements: queries, bytes, resolve, reject });
    this.#send();
    return promise;
  }

  async close(): Promise<void> {
    const ended = this.#thread.close();
    this.#failAll();
    await ended;
  }

  get #waiting(): number {
    return this.#queue.length + this.#sent.size;
  }

  #send(): void {
    while (this.#thread.isUp && this.#sent.size < MAX_SENT) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#sent.set(next.id, next);
      const statements = next.statements.map(({ sql, parameters, maxBytes }) => ({
        sql,
        parameters,
        ...(maxBytes === undefined ? {} : { maxBytes }),
      }));
      this.#thread.post({ id: next.id, statements } satisfies ReadRequest);
    }
  }

  #settle(answer: ReadAnswer): void {
    const waiting = this.#sent.get(answer.id);
    if (waiting === undefined) return;
    this.#sent.delete(answer.id);
    this.#waitingBytes -= waiting.bytes;
    this.#send();
    if ('error' in answer) return waiting.reject(new Error(answer.error));
    const synced = this.#deps.durable?.();
    if (synced === undefined) waiting.resolve(answer.results);
    else synced.then(() => waiting.resolve(answer.results), waiting.reject);
  }

  #ended(error: string, delayMs: number): void {
    this.#deps.log.error('reader.ended', { error, failed_reads: this.#waiting, restart_ms: delayMs });
    this.#counts.restarts.add();
    this.#failAll();
  }

  #failAll(): void {
    for (const { reject } of [...this.#sent.values(), ...this.#queue]) reject(isAway());
    this.#sent.clear();
    this.#queue.length = 0;
    this.#waitingBytes = 0;
  }
}

const isAway = (): RefusedError =>
  new RefusedError('UNAVAILABLE', 'Lists are unavailable while the reader thread restarts. Retry in a moment.', {
    retry_after_s: 1,
  });

/** Two bytes for each character: an upper bound that costs nothing. */
function bytesOf({ sql, parameters }: Query): number {
  let units = sql.length;
  for (const parameter of parameters) units += typeof parameter === 'string' ? parameter.length : 8;
  return 2 * units;
}

import { Worker } from 'node:worker_threads';
import type { SqlRow } from './columns.ts';

export interface ReadRequest {
  readonly id: number;
  readonly statements: readonly { readonly text: string; readonly parameters: readonly unknown[] }[];
}
export type ReadAnswer =
  | { readonly id: number; readonly results: readonly (readonly unknown[])[] }
  | { readonly id: number; readonly error: string };

/** A statement as Kysely compiles it. */
export interface Query {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

interface Waiting {
  resolve(results: readonly (readonly SqlRow[])[]): void;
  reject(error: Error): void;
}

/** Most reads that wait for the thread. Past it, a read is refused at once. */
const MOST_WAITING = 1000;

/** Runs statements on a thread with a connection of its own, so that no list delays the applier or a stream. */
export class Reader {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #fault: Error | undefined;

  constructor(path: string) {
    this.#worker = new Worker(new URL('./reader-worker.ts', import.meta.url), { workerData: { path } });
    this.#worker.unref();
    this.#worker.on('message', (answer: ReadAnswer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#fail(new Error('the reading thread has ended')));
  }

  /** The rows of each query, all of the same commit. */
  read(queries: readonly Query[]): Promise<readonly (readonly SqlRow[])[]> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    if (this.#waiting.size >= MOST_WAITING) return Promise.reject(new Error('too many lists wait for the reading thread'));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const statements = queries.map((query) => ({ text: query.sql, parameters: query.parameters }));
      this.#worker.postMessage({ id, statements } satisfies ReadRequest);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: ReadAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.results as readonly (readonly SqlRow[])[]);
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#fault);
    this.#waiting.clear();
  }
}

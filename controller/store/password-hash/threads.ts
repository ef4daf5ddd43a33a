import { Worker } from 'node:worker_threads';
import type { Argon2, HashRequest } from '../../services/access/passwords.ts';

export type HashAnswer = { readonly hash: Uint8Array } | { readonly error: string };

// A TypeScript file in the sources, JavaScript once compiled.
const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
const HEAP_MIB = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };

/**
 * Hashes passwords on threads of a lower priority than the one that answers requests. Each thread
 * hashes one password at a time; callers bound how many are hashed at once.
 */
export class HashThreads implements Argon2 {
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  /** Rejects if the hash fails or its thread ends. */
  hash(request: HashRequest): Promise<Uint8Array> {
    const worker = this.#idle.pop() ?? this.#start();
    worker.ref();
    return new Promise((resolve, reject) => {
      const settle = () => worker.off('message', take).off('error', failed).off('exit', ended);
      const failed = (error: unknown) => {
        settle();
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      const ended = (code: number) => failed(new Error(`the thread that hashes passwords ended with ${code}`));
      const take = (answer: HashAnswer) => {
        settle();
        // An idle thread must not keep the process running.
        worker.unref();
        this.#idle.push(worker);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer.hash);
      };
      worker.on('message', take).on('error', failed).on('exit', ended);
      worker.postMessage(request);
    });
  }

  /** Ends the threads; hashes in progress reject. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(PROGRAM, { resourceLimits: HEAP_MIB });
    this.#all.add(worker);
    // `hash` listens too, but not while the thread is idle.
    worker.on('error', () => undefined);
    worker.once('exit', () => {
      this.#all.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return worker;
  }
}

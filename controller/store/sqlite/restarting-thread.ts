import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Clock, Timer } from '../../../seams/clock.ts';

export interface ThreadDeps<Message> {
  readonly program: URL;
  readonly workerData: unknown;
  /** Bound of the thread's heap. Beyond it the thread ends, but not the controller. */
  readonly heapMib: number;
  readonly clock: Clock;
  onMessage(message: Message): void;
  /** The thread ended and starts again after `delayMs`. What was posted to it is lost. */
  onEnd(error: string, delayMs: number): void;
  /** The thread has started, first and after each end. */
  onStart?(): void;
}

const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;

/**
 * A thread that restarts when it ends, with a delay that grows while it sends nothing. It does not
 * keep the process alive.
 */
export class RestartingThread<Message> {
  readonly #deps: ThreadDeps<Message>;
  #worker: Worker | undefined;
  #restart: Timer | undefined;
  #restartMs = FIRST_RESTART_MS;
  #isClosed = false;

  constructor(deps: ThreadDeps<Message>) {
    this.#deps = deps;
  }

  get isUp(): boolean {
    return this.#worker !== undefined;
  }

  start(): void {
    const { program, workerData, heapMib } = this.#deps;
    const options: WorkerOptions = { workerData, resourceLimits: { maxOldGenerationSizeMb: heapMib } };
    let worker: Worker;
    try {
      worker = new Worker(program, options);
    } catch (error) {
      this.#startLater(textOf(error));
      return;
    }
    worker.unref();
    this.#worker = worker;
    worker.on('message', (message: Message) => {
      this.#restartMs = FIRST_RESTART_MS;
      this.#deps.onMessage(message);
    });
    worker.on('error', (error) => this.#ended(worker, textOf(error)));
    worker.on('exit', (code) => this.#ended(worker, `exit code ${code}`));
    this.#deps.onStart?.();
  }

  /** Drops the message while the thread is down. */
  post(message: unknown): void {
    this.#worker?.postMessage(message);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#restart?.cancel();
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #ended(worker: Worker, error: string): void {
    // A failing thread reports its end twice: as an error and as an exit.
    if (this.#isClosed || worker !== this.#worker) return;
    this.#startLater(error);
  }

  #startLater(error: string): void {
    const delayMs = this.#restartMs;
    this.#restartMs = Math.min(2 * delayMs, MAX_RESTART_MS);
    this.#worker = undefined;
    this.#restart = this.#deps.clock.after(delayMs, () => this.start());
    this.#deps.onEnd(error, delayMs);
  }
}

/** The program of a thread beside `module`, compiled or not. */
export const programBeside = (module: string, name: string): URL => new URL(`./${name}${module.endsWith('.ts') ? '.ts' : '.js'}`, module);

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

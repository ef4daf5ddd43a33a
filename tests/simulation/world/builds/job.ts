import type { Job, JobEnd } from '../../../../node-agent/engine/build-engine.ts';
import type { Life } from '../life.ts';

/** A container of a build: what it prints comes as it is written, and its end once. */
export class SimulatedJob implements Job {
  readonly began: Promise<boolean>;
  readonly ended: Promise<JobEnd>;
  readonly close: () => Promise<void>;
  readonly output: AsyncIterable<Uint8Array>;
  readonly #life: Life;
  readonly #begin: (began: boolean) => void;
  readonly #end: (end: JobEnd) => void;
  readonly #fail: (reason: Error) => void;
  #parts: Uint8Array[] = [];
  #fault: Error | undefined;
  #isOver = false;
  #wake: () => void = () => undefined;

  /** `close` removes its container. */
  constructor(life: Life, close: () => Promise<void>) {
    this.#life = life;
    this.close = close;
    const began = Promise.withResolvers<boolean>();
    const ended = Promise.withResolvers<JobEnd>();
    this.began = began.promise;
    this.ended = ended.promise;
    this.began.catch(() => undefined);
    this.ended.catch(() => undefined);
    this.#begin = began.resolve;
    this.#end = ended.resolve;
    this.#fail = (reason) => {
      began.reject(reason);
      ended.reject(reason);
    };
    this.output = this.#read();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  write(part: Uint8Array): void {
    this.#life.run(() => {
      if (this.#isOver) return;
      this.#parts.push(part);
      this.#begin(true);
      this.#wake();
    });
  }

  /** The program exited. */
  exit(code: number, lastLines = ''): void {
    this.#life.run(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#begin(false);
      this.#end({ code, lastLines });
      this.#wake();
    });
  }

  /** Its container is gone. */
  gone(reason: Error): void {
    this.#life.run(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#fault = reason;
      this.#fail(reason);
      this.#wake();
    });
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined) yield part;
      else if (this.#fault !== undefined) throw this.#fault;
      else if (this.#isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

import type { SimulatedTime } from '../clock.ts';
import type { Life } from '../life.ts';

/** Stops time while a node agent unpacks the sources of a build, which is real work of this machine. */
export class Unpacking {
  readonly #time: SimulatedTime;
  readonly #known = new WeakSet<AbortSignal>();
  readonly #open = new Set<() => void>();

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  /** A build asks for its first source. It unpacks them all, and then calls the engine, or ends. */
  begins(signal: AbortSignal, life: Life): void {
    if (this.#known.has(signal) || signal.aborted || life.isDead) return;
    this.#known.add(signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    const death = life.atDeath(() => over());
    const over = () => {
      this.#open.delete(over);
      death.cancel();
      resolve();
    };
    this.#open.add(over);
    signal.addEventListener('abort', over, { once: true });
    void this.#time.hold(promise);
  }

  /** The engine got what was unpacked. */
  staged(): void {
    for (const over of [...this.#open]) over();
  }
}

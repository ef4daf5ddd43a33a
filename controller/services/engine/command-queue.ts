/** A command that waits to be decided. */
export interface Waiting {
  readonly name: string;
  /** About what it writes. */
  readonly bytes: number;
  run(): () => void;
  fail(error: unknown): void;
}

/** What a client's command needs room for in the queue. Commands of nodes and of the controller itself are always taken. */
export const QUEUE_BOUND = { commands: 10_000, bytes: 64 * 1024 * 1024 } as const;

/** What a batch takes from the queue; a single command may be larger. */
export const BATCH_BOUND = { commands: 500, bytes: 4 * 1024 * 1024 } as const;

/** Commands in the order of their coming, counted in items and in bytes. */
export class CommandQueue {
  #waiting: Waiting[] = [];
  #bytes = 0;

  get length(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Which bound keeps a client's command of that size out; undefined when there is room. */
  fullOf(bytes: number): 'commands' | 'bytes' | undefined {
    if (this.#waiting.length >= QUEUE_BOUND.commands) return 'commands';
    return this.#waiting.length > 0 && this.#bytes + bytes > QUEUE_BOUND.bytes ? 'bytes' : undefined;
  }

  push(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes;
  }

  /** Takes the oldest, as far as the bounds of a batch go: at least one where any waits. */
  takeBatch(): readonly Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (count === BATCH_BOUND.commands || (count > 0 && bytes + waiting.bytes > BATCH_BOUND.bytes)) break;
      count += 1;
      bytes += waiting.bytes;
    }
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  /** Puts back what was taken and not decided, in front of all others. */
  putBack(waiting: readonly Waiting[]): void {
    this.#waiting.unshift(...waiting);
    for (const { bytes } of waiting) this.#bytes += bytes;
  }
}

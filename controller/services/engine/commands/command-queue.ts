/** A command that waits to be decided. */
export interface Waiting {
  readonly name: string;
  /** Approximate bytes that it writes. */
  readonly bytes: number;
  run(): () => void;
  fail(error: unknown): void;
}

/** Bounds for client commands. Commands of nodes and of the controller itself are always taken. */
export const MAX_PENDING = { commands: 10_000, bytes: 64 * 1024 * 1024 } as const;

/** Bounds of a batch. A single command can be larger. */
export const BATCH_BOUND = { commands: 500, bytes: 4 * 1024 * 1024 } as const;

/** Commands in order of arrival, counted in commands and in bytes. */
export class CommandQueue {
  #waiting: Waiting[] = [];
  #bytes = 0;

  get length(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Returns the bound that a client's command of that size would exceed, or undefined if there is
   * room.
   */
  fullOf(bytes: number): 'commands' | 'bytes' | undefined {
    if (this.#waiting.length >= MAX_PENDING.commands) return 'commands';
    return this.#waiting.length > 0 && this.#bytes + bytes > MAX_PENDING.bytes ? 'bytes' : undefined;
  }

  push(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes;
  }

  /** Takes the oldest commands within the bounds of a batch: at least one if any waits. */
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

  /** Puts taken, undecided commands back in front of all others. */
  putBack(waiting: readonly Waiting[]): void {
    this.#waiting.unshift(...waiting);
    for (const { bytes } of waiting) this.#bytes += bytes;
  }
}

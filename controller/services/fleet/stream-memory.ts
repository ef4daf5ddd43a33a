/** What the streams of all nodes keep in memory together, and each of them. */
export const STREAM_MEMORY = {
  /** Frames that are not decided yet. */
  undecided: { ofNode: 4 * 1024 * 1024, inAll: 64 * 1024 * 1024, share: 256 * 1024 },
  /** Names of images, orphans and conditions. */
  kept: { ofNode: 4 * 1024 * 1024, inAll: 128 * 1024 * 1024 },
} as const;

export class StreamMemory {
  readonly #kept = new Map<object, number>();
  #keptInAll = 0;
  #undecided = 0;

  get undecided(): number {
    return this.#undecided;
  }

  get kept(): number {
    return this.#keptInAll;
  }

  changeUndecided(bytes: number): void {
    this.#undecided += bytes;
  }

  /** Whether a stream with so much undecided is not to be read: it has its own bound, or more than a fair share where all together have too much. */
  isFull(ofNode: number): boolean {
    const { undecided } = STREAM_MEMORY;
    return ofNode >= undecided.ofNode || (this.#undecided >= undecided.inAll && ofNode >= undecided.share);
  }

  /** A stream keeps so much from now on. False when that is too much: its stream must end. */
  keep(stream: object, bytes: number): boolean {
    const { kept } = STREAM_MEMORY;
    const inAll = this.#keptInAll - (this.#kept.get(stream) ?? 0) + bytes;
    if (bytes > kept.ofNode || inAll > kept.inAll) return false;
    this.#keptInAll = inAll;
    this.#kept.set(stream, bytes);
    return true;
  }

  forget(stream: object): void {
    this.#keptInAll -= this.#kept.get(stream) ?? 0;
    this.#kept.delete(stream);
  }
}

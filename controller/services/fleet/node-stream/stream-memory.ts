/** Memory bounds of node streams, each and in total. */
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

  /**
   * Returns whether a stream with this many undecided bytes must stop reading: it exceeds its own
   * bound, or its fair share of an exceeded total.
   */
  isFull(ofNode: number): boolean {
    const { undecided } = STREAM_MEMORY;
    return ofNode >= undecided.ofNode || (this.#undecided >= undecided.inAll && ofNode >= undecided.share);
  }

  /** Sets the memory of a stream. Returns false if it is too much, and the stream must end. */
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

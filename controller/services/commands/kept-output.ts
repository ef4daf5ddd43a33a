import type { Holding } from '../budget/budgets.ts';

const NOTHING = Buffer.alloc(0);
const LEAST_BYTES = 1024;
/** Of an output as JSON, which needs six bytes for most control characters: an answer has two. */
const MAX_JSON_BYTES = 28 * 1024 * 1024;
const ESCAPED_BYTES = 6;

/**
 * The first bytes of an output, as many as the caller's budget has room for. They are copied: a piece
 * can be one byte of a large buffer, and there can be millions of pieces.
 */
export class KeptOutput {
  readonly #most: number;
  readonly #held: Pick<Holding, 'grow'>;
  #kept = NOTHING;
  #length = 0;
  #jsonBytes = 0;
  isTruncated = false;

  constructor(most: number, held: Pick<Holding, 'grow'>) {
    this.#most = most;
    this.#held = held;
  }

  add(bytes: Buffer): void {
    // What is kept has no gaps.
    if (this.isTruncated) return;
    const first = this.#fitting(bytes.subarray(0, this.#most - this.#length));
    const hasRoom = this.#hasRoom(this.#length + first.byteLength);
    this.isTruncated = !hasRoom || first.byteLength < bytes.byteLength;
    if (!hasRoom) return;
    this.#kept.set(first, this.#length);
    this.#length += first.byteLength;
  }

  text(encoding: 'utf8' | 'base64'): string {
    return this.#kept.toString(encoding, 0, this.#length);
  }

  /** Returns the first bytes that fit into an answer. */
  #fitting(bytes: Buffer): Buffer {
    for (let at = 0; at < bytes.byteLength; at += 1) {
      this.#jsonBytes += (bytes[at] ?? 0) < 0x20 ? ESCAPED_BYTES : 1;
      if (this.#jsonBytes > MAX_JSON_BYTES) return bytes.subarray(0, at);
    }
    return bytes;
  }

  #hasRoom(needed: number): boolean {
    const has = this.#kept.byteLength;
    if (needed <= has) return true;
    const doubled = Math.min(this.#most, Math.max(needed, 2 * has, LEAST_BYTES));
    const size = [doubled, needed].find((bytes) => this.#held.grow(bytes - has).ok);
    if (size === undefined) return false;
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(this.#kept.subarray(0, this.#length));
    this.#kept = larger;
    return true;
  }
}

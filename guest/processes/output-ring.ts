/** Of an output: standard output, which a terminal has alone, or standard error. */
export type OutputKind = 'stdout' | 'stderr';

export interface Piece {
  readonly kind: OutputKind;
  readonly bytes: Buffer;
}

/** Bytes of one kind, up to this offset. */
interface Run {
  readonly kind: OutputKind;
  end: number;
}

const FIRST_BYTES = 4096;
/** A process that alternates between both outputs byte by byte keeps less than others. */
const MAX_RUNS = 4096;

/**
 * The newest output of a process, both kinds in the order in which they were read. Offsets count
 * all bytes since its start.
 */
export class OutputRing {
  /** Asked before the memory grows. */
  readonly #mayGrow: (bytes: number) => boolean;
  readonly #most: number;
  #buffer = Buffer.alloc(0);
  #runs: Run[] = [];
  #start = 0;
  #end = 0;

  constructor(most: number, mayGrow: (bytes: number) => boolean = () => true) {
    this.#most = most;
    this.#mayGrow = mayGrow;
  }

  /** Offset of the oldest byte that is kept. */
  get start(): number {
    return this.#start;
  }

  /** Offset of the next byte. */
  get end(): number {
    return this.#end;
  }

  /** Bytes of memory. */
  get capacity(): number {
    return this.#buffer.byteLength;
  }

  append(kind: OutputKind, bytes: Buffer): void {
    this.#grow(this.#end - this.#start + bytes.byteLength);
    const { byteLength: size } = this.#buffer;
    // Only the last bytes can stay. With no memory at all, none can.
    const kept = bytes.subarray(Math.max(0, bytes.byteLength - size));
    let offset = this.#end + bytes.byteLength - kept.byteLength;
    for (let rest = kept; rest.byteLength > 0; ) {
      const at = offset % size;
      const part = rest.subarray(0, size - at);
      this.#buffer.set(part, at);
      offset += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
    this.#end += bytes.byteLength;
    const last = this.#runs.at(-1);
    if (last?.kind === kind) last.end = this.#end;
    else this.#runs.push({ kind, end: this.#end });
    this.#dropBefore(this.#end - size);
    if (this.#runs.length > MAX_RUNS) this.#dropBefore(this.#runs[this.#runs.length - MAX_RUNS / 2]?.end ?? this.#end);
  }

  /** Returns a copy of at most `most` bytes of one kind. Undefined at the end, or before the start. */
  read(from: number, most: number): Piece | undefined {
    if (from < this.#start || from >= this.#end) return undefined;
    const run = this.#runs[this.#runOf(from)];
    if (run === undefined) return undefined;
    const size = this.#buffer.byteLength;
    const at = from % size;
    const length = Math.min(most, run.end - from, size - at);
    return { kind: run.kind, bytes: Buffer.from(this.#buffer.subarray(at, at + length)) };
  }

  /** Frees the memory. */
  clear(): void {
    this.#buffer = Buffer.alloc(0);
    this.#dropBefore(this.#end);
  }

  #runOf(offset: number): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle]?.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #dropBefore(offset: number): void {
    if (offset <= this.#start) return;
    this.#start = offset;
    this.#runs.splice(0, offset >= this.#end ? this.#runs.length : this.#runOf(offset));
  }

  #grow(needed: number): void {
    const size = this.#buffer.byteLength;
    if (needed <= size || size >= this.#most) return;
    let larger = Math.max(FIRST_BYTES, size);
    while (larger < needed && larger < this.#most) larger *= 2;
    larger = Math.min(larger, this.#most);
    if (!this.#mayGrow(larger - size)) return;
    const grown = Buffer.alloc(larger);
    for (let at = this.#start; at < this.#end; ) {
      const part = Math.min(this.#end - at, size - (at % size), larger - (at % larger));
      grown.set(this.#buffer.subarray(at % size, (at % size) + part), at % larger);
      at += part;
    }
    this.#buffer = grown;
  }
}

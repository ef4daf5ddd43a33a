import type { StreamFrame } from './stream-frame.ts';

/** No end may have been granted more than this at once: what is granted must fit into the memory of all who pass it on. */
export const MAX_CREDIT_BYTES = 4 * 1024 * 1024;

/** Bytes that one side can still send, as whoever sends, receives or passes them on counts them. Never negative. */
export class Credit {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get left(): number {
    return this.#left;
  }

  /** False: more than was granted. Nothing is taken then. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  /** False: more than anyone may be granted. */
  grant(bytes: number): boolean {
    if (!Number.isSafeInteger(bytes) || bytes <= 0 || this.#left + bytes > MAX_CREDIT_BYTES) return false;
    this.#left += bytes;
    return true;
  }
}

export interface StreamStateOptions {
  /** Bytes that may be sent at once. */
  readonly credit: number;
  /** Bytes that the peer may send beyond what was consumed: it has been granted `granted` of them already. */
  readonly window: number;
  readonly granted: number;
}

/**
 * One end of a byte stream, without its link. Each direction is open until its sender says `end`; a reset from either side, or the loss of
 * the link, ends both at once. Each of these is said once and heard once.
 */
export class StreamState {
  readonly #out: Credit;
  readonly #in: Credit;
  readonly #window: number;
  /** Consumed and not granted again yet. */
  #ungranted: number;
  #sentEnd = false;
  #heardEnd = false;
  #isOver = false;

  constructor({ credit, window, granted }: StreamStateOptions) {
    this.#out = new Credit(credit);
    this.#in = new Credit(granted);
    this.#window = window;
    this.#ungranted = window - granted;
  }

  get credit(): number {
    return this.#out.left;
  }
  /** What the peer can still send. */
  get granted(): number {
    return this.#in.left;
  }
  get hasSentEnd(): boolean {
    return this.#sentEnd;
  }
  get hasHeardEnd(): boolean {
    return this.#heardEnd;
  }
  /** Both ends were said, or the stream was reset or lost: nothing is sent and nothing is heard any more. */
  get isOver(): boolean {
    return this.#isOver || (this.#sentEnd && this.#heardEnd);
  }

  /** Bytes are about to be sent. Throws where they were not granted, or the end was said. */
  send(bytes: number): void {
    if (this.isOver || this.#sentEnd) throw new Error('this end of the stream has ended');
    if (!this.#out.take(bytes)) throw new Error(`${bytes} bytes were not granted`);
  }

  /** Whether `end` is to be sent: once. */
  end(): boolean {
    if (this.isOver || this.#sentEnd) return false;
    this.#sentEnd = true;
    return true;
  }

  /** Whether a reset is to be sent: once, and only while something is open. */
  reset(): boolean {
    if (this.isOver) return false;
    this.#isOver = true;
    return true;
  }

  /** Bytes that were received are out of memory. Returns the credit to grant for them, 0 while it is not worth a frame. */
  consume(bytes: number): number {
    this.#ungranted += bytes;
    return this.credits();
  }

  /** Credit that is due. */
  credits(): number {
    if (this.isOver || this.#heardEnd || this.#ungranted < this.#window / 4) return 0;
    const grant = this.#ungranted;
    this.#ungranted = 0;
    this.#in.grant(grant);
    return grant;
  }

  /** Takes a frame of the peer. Returns what is wrong with it, or undefined. */
  hear(frame: StreamFrame): string | undefined {
    if (this.isOver) return undefined;
    switch (frame.kind) {
      case 'data':
        if (this.#heardEnd) return 'data after the end';
        return this.#in.take(frame.bytes.byteLength) ? undefined : 'more data than was granted';
      case 'credit':
        return this.#out.grant(frame.bytes) ? undefined : 'more credit than is allowed';
      case 'end':
        if (this.#heardEnd) return 'a second end';
        this.#heardEnd = true;
        return undefined;
      case 'reset':
        this.#isOver = true;
        return undefined;
      case 'open':
        return 'a second ticket';
      default:
        return frame satisfies never;
    }
  }
}

import type { StreamFrame } from './stream-frame.ts';

/** Maximum credit of one end: every process that forwards a stream must have memory for it. */
export const MAX_CREDIT_BYTES = 4 * 1024 * 1024;

/**
 * Counts the bytes that one side can still send. Sender, receiver and forwarder each keep a count.
 * It is never negative.
 */
export class Credit {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get left(): number {
    return this.#left;
  }

  /** Takes bytes from the credit. Returns false, and takes none, if they exceed it. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  /** Adds credit. Returns false if the number is invalid or the total exceeds the maximum. */
  grant(bytes: number): boolean {
    if (!Number.isSafeInteger(bytes) || bytes <= 0 || this.#left + bytes > MAX_CREDIT_BYTES) return false;
    this.#left += bytes;
    return true;
  }
}

export interface StreamStateOptions {
  /** Bytes that this end can send before the peer grants more. */
  readonly credit: number;
  /** Bytes that the peer can send beyond those consumed. */
  readonly window: number;
  /** The part of the window that the peer was granted already. */
  readonly granted: number;
}

/**
 * State of one end of a byte stream, without its link. Each direction is open until its sender
 * sends `end`; a reset from either side, or a lost link, ends both at once. Each is sent and
 * received at most once.
 */
export class StreamState {
  readonly #out: Credit;
  readonly #in: Credit;
  readonly #window: number;
  /** Bytes that are free in the window and not granted yet. */
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
  /** Bytes that the peer can still send. */
  get granted(): number {
    return this.#in.left;
  }
  get hasSentEnd(): boolean {
    return this.#sentEnd;
  }
  get hasHeardEnd(): boolean {
    return this.#heardEnd;
  }
  /** Whether both directions are closed, or the stream was reset or lost. */
  get isOver(): boolean {
    return this.#isOver || (this.#sentEnd && this.#heardEnd);
  }

  /** Counts bytes that are about to be sent. Throws without credit, or after `end`. */
  send(bytes: number): void {
    if (this.isOver || this.#sentEnd) throw new Error('this end of the stream is closed');
    if (!this.#out.take(bytes)) throw new Error(`${bytes} bytes were not granted`);
  }

  /** Closes this direction. Returns true the first time, when `end` must be sent. */
  end(): boolean {
    if (this.isOver || this.#sentEnd) return false;
    this.#sentEnd = true;
    return true;
  }

  /** Ends both directions. Returns true if a direction was open, so that a reset must be sent. */
  reset(): boolean {
    if (this.isOver) return false;
    this.#isOver = true;
    return true;
  }

  /** Counts received bytes that left memory. Returns the credit to grant, as {@link credits}. */
  consume(bytes: number): number {
    this.#ungranted += bytes;
    return this.credits();
  }

  /** Returns the credit to grant now; 0 while it is not worth a frame. */
  credits(): number {
    if (this.isOver || this.#heardEnd || this.#ungranted < this.#window / 4) return 0;
    const grant = this.#ungranted;
    this.#ungranted = 0;
    this.#in.grant(grant);
    return grant;
  }

  /** Applies a frame of the peer. Returns what is wrong with it, or undefined. */
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

import {
  type Bus,
  type BusOptions,
  DEFAULT_MAX_PAYLOAD_BYTES,
  DEFAULT_MAX_PENDING_BYTES,
  type Subscription,
} from '../../../../controller/bus/bus.ts';
import type { Clock, Timer } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { matches } from './wildcard.ts';

interface Listening {
  readonly pattern: string;
  readonly listener: (subject: string, payload: Uint8Array) => void;
}

/** Two processes on one bus that is always connected: what either publishes reaches the other. */
export function busPair(options: BusOptions): readonly [Bus, Bus] {
  const mine = new InProcessBus(options);
  const theirs = new InProcessBus(options);
  mine.peer = theirs;
  theirs.peer = mine;
  return [mine, theirs];
}

class InProcessBus implements Bus {
  peer: InProcessBus | undefined;
  readonly maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxPendingBytes: number;
  readonly #listening = new Set<Listening>();
  #queue: { readonly subject: string; readonly payload: Uint8Array }[] = [];
  #pendingBytes = 0;
  #delivery: Timer | undefined;
  #flushing: ((delivered: boolean) => void)[] = [];
  #refused = 0;
  #closed = false;

  constructor(options: BusOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxPendingBytes = options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES;
  }

  get connected(): boolean {
    return !this.#closed;
  }

  get refused(): number {
    return this.#refused;
  }

  publish(subject: string, payload: Uint8Array): boolean {
    const size = payload.byteLength;
    if (this.#closed || size > this.maxPayloadBytes || this.#pendingBytes + size > this.#maxPendingBytes) {
      this.#refused += 1;
      return false;
    }
    this.#queue.push({ subject, payload });
    this.#pendingBytes += size;
    this.#delivery ??= this.#clock.soon(() => this.#deliver());
    return true;
  }

  subscribe(pattern: string, listener: (subject: string, payload: Uint8Array) => void): Subscription {
    const listening = { pattern, listener };
    this.#listening.add(listening);
    return { close: () => this.#listening.delete(listening) };
  }

  /** Never called: nothing changes before `close`, and whoever closes knows. */
  onState(_listener: (connected: boolean) => void): Subscription {
    return { close: () => {} };
  }

  flush(signal?: AbortSignal): Promise<boolean> {
    if (this.#closed || signal?.aborted) return Promise.resolve(false);
    if (this.#delivery === undefined) return Promise.resolve(true);
    return new Promise((resolve) => {
      const abort = () => resolve(false);
      signal?.addEventListener('abort', abort, { once: true });
      this.#flushing.push((delivered) => {
        signal?.removeEventListener('abort', abort);
        resolve(delivered);
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#delivery?.cancel();
    this.#delivery = undefined;
    this.#queue = [];
    this.#pendingBytes = 0;
    this.#listening.clear();
    this.#endFlushes(false);
  }

  listeners(): Iterable<Listening> {
    return this.#listening;
  }

  #deliver(): void {
    // What is published by a listener goes with the next delivery, so that two that answer each other never block the process.
    const batch = this.#queue;
    this.#queue = [];
    this.#pendingBytes = 0;
    this.#delivery = undefined;
    const flushing = this.#flushing;
    this.#flushing = [];
    for (const { subject, payload } of batch) {
      for (const listening of this.peer?.listeners() ?? []) {
        if (matches(listening.pattern, subject)) this.#call(listening, subject, payload);
      }
    }
    for (const resolve of flushing) resolve(true);
  }

  #call(listening: Listening, subject: string, payload: Uint8Array): void {
    try {
      listening.listener(subject, payload);
    } catch (error) {
      this.#log.error('bus.listener_failed', { pattern: listening.pattern, error: String(error) });
    }
  }

  #endFlushes(delivered: boolean): void {
    const flushing = this.#flushing;
    this.#flushing = [];
    for (const resolve of flushing) resolve(delivered);
  }
}

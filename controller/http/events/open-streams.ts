import type { Clock, Timer } from '../../../seams/clock.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { Proof } from '../../services/access/proof.ts';
import type { RightsChange } from '../../services/access/rights.ts';
import { Budgets } from '../../services/budget/budgets.ts';
import { UnsentBytes } from './unsent-bytes.ts';

const TICK_MS = 5000;

/** An answer that goes on, or that is waited for. */
export interface OpenStream {
  readonly proof: Proof;
  /** Ends, unless its caller may still see what it shows. */
  judge(): void;
  /** Called every few seconds: looks whether it may go on, and gives a sign of life. */
  tick(): void;
  end(): void;
}

/** The event streams and waits that are open, with the one timer that they share. */
export class OpenStreams {
  readonly #clock: Clock;
  readonly #streams = new Set<OpenStream>();
  readonly budgets: Budgets;
  /** Of all event streams. */
  readonly unsent: UnsentBytes;
  /** An event stream whose client stood still for too long. */
  readonly countCut: () => void;
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, metrics: Metrics = silentMetrics, budgets = new Budgets({ clock, metrics })) {
    this.#clock = clock;
    this.budgets = budgets;
    const { process, account } = budgets.limits.atOnce.stream_bytes;
    this.unsent = new UnsentBytes(clock, { maxBytes: process, maxOfAccountBytes: account ?? process });
    const cut = metrics.counter({
      name: 'streams_cut_total',
      help: 'Event streams that were cut because their client took nothing for 30 s.',
    });
    this.countCut = () => cut.add();
    metrics.gauge({
      name: 'streams_open',
      help: 'Event streams and waits that are open.',
      labels: ['kind'],
      read: () => [
        { labels: { kind: 'stream' }, value: budgets.held('streams') },
        { labels: { kind: 'wait' }, value: budgets.held('waits') },
      ],
    });
    metrics.gauge({
      name: 'streams_unsent_bytes',
      help: 'Bytes that event streams hold for their clients.',
      read: () => this.unsent.bytes,
    });
  }

  get size(): number {
    return this.#streams.size;
  }

  /** When the server is closing, it is ended at once. */
  add(stream: OpenStream): void {
    if (this.#closed) return stream.end();
    this.#streams.add(stream);
    this.#timer ??= this.#clock.after(TICK_MS, () => this.#tick());
  }

  delete(stream: OpenStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Judges those at once whose callers lost something. */
  judge({ accounts, tokens, keys }: RightsChange): void {
    for (const stream of [...this.#streams]) {
      const { proof } = stream;
      if (accounts.has(proof.accountId) || (proof.kind === 'token' ? tokens.has(proof.tokenId) : keys.has(proof.keyId))) stream.judge();
    }
  }

  /** Ends them all; no more can be opened. */
  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams]) stream.end();
  }

  #tick(): void {
    this.#timer = undefined;
    for (const stream of [...this.#streams]) stream.tick();
    if (this.#streams.size > 0) this.#timer ??= this.#clock.after(TICK_MS, () => this.#tick());
  }
}

import type { Clock, Timer } from '../../../seams/clock.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { Proof } from '../../services/access/proof.ts';
import type { RightsChange } from '../../services/access/rights.ts';
import { Budgets } from '../../services/budget/budgets.ts';
import { UnsentBytes } from './unsent-bytes.ts';

const TICK_MS = 5000;

/** A response that stays open: an event stream or a wait. */
export interface SseStream {
  readonly proof: Proof;
  /** Ends the stream if its caller can no longer see its contents. */
  judge(): void;
  /** Called every few seconds: checks permissions and sends a heartbeat. */
  tick(): void;
  end(): void;
}

/** The open event streams and waits, which share one timer. */
export class SseStreams {
  readonly #clock: Clock;
  readonly #streams = new Set<SseStream>();
  readonly budgets: Budgets;
  /** Unsent bytes of all event streams. */
  readonly unsent: UnsentBytes;
  /** Counts an event stream that was closed because its client stopped reading. */
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
      help: 'Event streams closed because their client read nothing for 30 s.',
    });
    this.countCut = () => cut.add();
    metrics.gauge({
      name: 'streams_open',
      help: 'Open event streams and waits.',
      labels: ['kind'],
      read: () => [
        { labels: { kind: 'stream' }, value: budgets.held('streams') },
        { labels: { kind: 'wait' }, value: budgets.held('waits') },
      ],
    });
    metrics.gauge({
      name: 'streams_unsent_bytes',
      help: 'Unsent bytes of event streams.',
      read: () => this.unsent.bytes,
    });
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Adds a stream. During shutdown, it ends at once. */
  add(stream: SseStream): void {
    if (this.#closed) return stream.end();
    this.#streams.add(stream);
    this.#timer ??= this.#clock.after(TICK_MS, () => this.#tick());
  }

  delete(stream: SseStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Checks the streams of callers who lost permissions or credentials. */
  judge({ accounts, tokens, keys }: RightsChange): void {
    for (const stream of [...this.#streams]) {
      const { proof } = stream;
      if (accounts.has(proof.accountId) || (proof.kind === 'token' ? tokens.has(proof.tokenId) : keys.has(proof.keyId))) stream.judge();
    }
  }

  /** Ends all streams and accepts no more. */
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

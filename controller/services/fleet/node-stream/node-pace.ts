import type { Clock } from '../../../../seams/clock.ts';
import type { NodeId } from '../../../domain/engine/ids.ts';
import { RateTable } from '../../budget/rate-table.ts';

const MIB = 1024 * 1024;

/** Nodes whose rates outlive their streams. */
const MAX_PACES = 10_000;

/** Rates of a node's frames. An honest node stays far below: it reports each change once. */
export const NODE_RATES = {
  /** Frames without effect: repeated, refused, or about unknown subjects. */
  waste: { perSecond: 1000, burst: 5000 },
  /** Partial output. */
  output: { perSecond: 10_000, burst: 40_000 },
  output_bytes: { perSecond: 16 * MIB, burst: 64 * MIB },
  /** Spontaneous changes of one subject, such as a session. */
  news: { perSecond: 1 / 20, burst: 32 },
  /** Of all subjects of a node together. */
  all_news: { perSecond: 20, burst: 4000 },
  heartbeats: { perSecond: 4, burst: 40 },
  /** Live workers of one session. */
  workers: { perSecond: 2, burst: 100 },
  /** Of one session. */
  secrets: { perSecond: 1 / 2, burst: 20 },
  /** Of one message, which runs again only after a crash. */
  runs: { perSecond: 1 / 600, burst: 32 },
  /** Log lines of the controller about the node. */
  lines: { perSecond: 1, burst: 200 },
} as const;
export type NodeRate = keyof typeof NODE_RATES;

/** The rates of one node across its streams: reconnecting does not reset them. */
export class NodePace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #tables = new Map<NodeRate, RateTable>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Charges the rate. Returns false, without a charge, if it is exceeded. */
  allows(rate: NodeRate, key = '', amount = 1): boolean {
    const now = this.#clock.monotonic();
    const table = this.#table(rate);
    if (table.waitMs(key, amount, now) > 0) return false;
    table.charge(key, amount, now);
    return true;
  }

  /** Like {@link allows}, for one subject and for all together. */
  allowsNews(key: string): boolean {
    const now = this.#clock.monotonic();
    if (this.#table('news').waitMs(key, 1, now) > 0) return false;
    if (!this.allows('all_news')) return false;
    this.#table('news').charge(key, 1, now);
    return true;
  }

  /** Charges a frame without effect. Returns how long to pause reading from the node. */
  waste(): number {
    const now = this.#clock.monotonic();
    const table = this.#table('waste');
    const waitMs = table.waitMs('', 1, now);
    table.charge('', 1, now);
    return waitMs;
  }

  #table(rate: NodeRate): RateTable {
    const table = this.#tables.get(rate) ?? new RateTable(NODE_RATES[rate]);
    this.#tables.set(rate, table);
    return table;
  }
}

/** The rates of connected and recently connected nodes. */
export class NodePaces {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The node that connected last is at the end. */
  readonly #paces = new Map<NodeId, NodePace>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Returns the rates of a connecting node. */
  of(nodeId: NodeId): NodePace {
    const pace = this.#paces.get(nodeId) ?? new NodePace(this.#clock);
    this.#paces.delete(nodeId);
    this.#paces.set(nodeId, pace);
    const [oldest] = this.#paces.keys();
    if (this.#paces.size > MAX_PACES && oldest !== undefined) this.#paces.delete(oldest);
    return pace;
  }
}

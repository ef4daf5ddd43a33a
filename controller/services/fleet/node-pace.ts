import type { Clock } from '../../../seams/clock.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { RateTable } from '../budget/rate-table.ts';

const MIB = 1024 * 1024;

/** Nodes whose rates are remembered beyond their streams. */
const MAX_PACES = 10_000;

/** What a node can say in the long run, and at once after a rest. An honest one stays far below: it says what changed, and once. */
export const NODE_RATES = {
  /** Frames that change nothing: repeated, refused, or about nothing that this node has. */
  waste: { perSecond: 1000, burst: 5000 },
  /** Partial output and log lines. */
  output: { perSecond: 10_000, burst: 40_000 },
  output_bytes: { perSecond: 16 * MIB, burst: 64 * MIB },
  /** Of one thing, such as a session: changes that nobody asked for. */
  news: { perSecond: 1 / 20, burst: 32 },
  /** Of all things of a node together. */
  all_news: { perSecond: 20, burst: 4000 },
  heartbeats: { perSecond: 4, burst: 40 },
  /** Of one session: which workers live there. */
  workers: { perSecond: 2, burst: 100 },
  /** Of one session. */
  secrets: { perSecond: 1 / 2, burst: 20 },
  /** Of one message: it is run again only after a crash. */
  runs: { perSecond: 1 / 600, burst: 32 },
  /** Lines in the controller's log about what it says. */
  lines: { perSecond: 1, burst: 200 },
} as const;
export type NodeRate = keyof typeof NODE_RATES;

/** How fast one node is heard, over all of its streams: a new stream is no new start. */
export class NodePace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #tables = new Map<NodeRate, RateTable>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Whether so much is within the rate; it is charged if it is. */
  allows(rate: NodeRate, key = '', amount = 1): boolean {
    const now = this.#clock.monotonic();
    const table = this.#table(rate);
    if (table.waitMs(key, amount, now) > 0) return false;
    table.charge(key, amount, now);
    return true;
  }

  /** As {@link allows}, of one thing and of all together. */
  allowsNews(key: string): boolean {
    const now = this.#clock.monotonic();
    if (this.#table('news').waitMs(key, 1, now) > 0) return false;
    if (!this.allows('all_news')) return false;
    this.#table('news').charge(key, 1, now);
    return true;
  }

  /** Charges a frame that changed nothing. Returns for how long the node is not to be read from. */
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

/** The paces of nodes that have a stream or had one. */
export class NodePaces {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The node that connected last at the end. */
  readonly #paces = new Map<NodeId, NodePace>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** The pace of a node that connects. */
  of(nodeId: NodeId): NodePace {
    const pace = this.#paces.get(nodeId) ?? new NodePace(this.#clock);
    this.#paces.delete(nodeId);
    this.#paces.set(nodeId, pace);
    const [oldest] = this.#paces.keys();
    if (this.#paces.size > MAX_PACES && oldest !== undefined) this.#paces.delete(oldest);
    return pace;
  }
}

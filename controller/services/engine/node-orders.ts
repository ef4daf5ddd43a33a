import type { FleetNode, Load, LoadedNode } from '../../domain/engine/fleet.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { byLoad, inOrder, loaded } from '../../domain/sessions/placement/load.ts';

/** Sizes of requests with an order of their own: those used last. A space has a default size, and few sessions have another. */
const MAX_ORDERS = 16;
/** If more nodes changed than one in so many, sorting all is cheaper than moving each. */
const MOVED_ONE_IN = 20;

interface Order {
  sorted: LoadedNode[];
  readonly places: Map<NodeId, LoadedNode>;
  /** Nodes whose load can have changed since they were sorted. */
  readonly changed: Set<NodeId>;
}

/**
 * Keeps nodes in the order in which placement looks at them, for each size of request. A session that
 * comes or goes moves one node, when the order is next asked for.
 *
 * Invariant: after `byLoad`, an order equals `inOrder` of all nodes, as long as `changed` was called
 * for each node whose load, or number of sessions, changed.
 */
export class NodeOrders {
  readonly #nodes: () => readonly FleetNode[];
  /** The one used last is at the end. */
  readonly #orders = new Map<string, Order>();

  constructor(nodes: () => readonly FleetNode[]) {
    this.#nodes = nodes;
  }

  changed(id: NodeId): void {
    for (const { changed } of this.#orders.values()) changed.add(id);
  }

  /** Nodes were added, replaced or removed. */
  clear(): void {
    this.#orders.clear();
  }

  byLoad(load: Load): readonly LoadedNode[] {
    const { requests, strategy } = load;
    const key = `${requests.cpuMillis} ${requests.memoryBytes} ${strategy}`;
    const order = this.#orders.get(key) ?? sortedAnew(this.#nodes(), load);
    this.#orders.delete(key);
    this.#orders.set(key, order);
    const [oldest] = this.#orders.keys();
    if (this.#orders.size > MAX_ORDERS && oldest !== undefined) this.#orders.delete(oldest);
    update(order, load);
    return order.sorted;
  }
}

function sortedAnew(nodes: readonly FleetNode[], load: Load): Order {
  const sorted = inOrder(nodes, load);
  return { sorted, places: new Map(sorted.map((one) => [one.node.id, one])), changed: new Set() };
}

function update(order: Order, load: Load): void {
  const { changed, places } = order;
  if (changed.size > order.sorted.length / MOVED_ONE_IN) {
    order.sorted = inOrder(
      order.sorted.map(({ node }) => node),
      load,
    );
    for (const one of order.sorted) places.set(one.node.id, one);
  } else
    for (const id of changed) {
      const before = places.get(id);
      if (before === undefined) continue;
      const after = loaded(before.node, load);
      order.sorted.splice(placeOf(order.sorted, before), 1);
      order.sorted.splice(placeOf(order.sorted, after), 0, after);
      places.set(id, after);
    }
  changed.clear();
}

/** Returns the index of the first entry that is not before this one. */
function placeOf(sorted: readonly LoadedNode[], one: LoadedNode): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const other = sorted[middle];
    if (other !== undefined && byLoad(other, one) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

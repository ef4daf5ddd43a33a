import type { Fleet, FleetNode, Load, LoadedNode, SlotUse, SpaceUse } from '../../domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import { type NodeRules, ruleOfNode, within } from '../../domain/nodes/node-rules.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import type { NodeView } from '../../domain/nodes/view.ts';
import { largestMaxima, takesSpace } from '../../domain/sessions/placement/filters.ts';
import type { Limits } from '../../domain/sessions/rows.ts';
import type { SizeRules } from '../../domain/sessions/session-sizes.ts';
import type { SpaceView } from '../../domain/spaces/view.ts';
import type { Capacity } from './capacity.ts';
import { NodeOrders } from './node-orders.ts';

/** What a node reports about itself while its stream is live. */
export interface LiveNode {
  readonly lease: { readonly runs: boolean };
  readonly facts: {
    readonly images: ReadonlySet<string>;
    readonly movesImages?: boolean;
    readonly engine?: string;
    readonly buildFeatures?: ReadonlySet<string>;
    readonly profiles?: ReadonlySet<string>;
    readonly takesSlots?: boolean;
    readonly conditions: readonly { readonly unschedulable: boolean; readonly message: string }[];
  };
}

export interface NodeDirectoryDeps {
  readonly view: Pick<NodeView, 'nodes'> & Pick<SpaceView, 'spaceByName'>;
  readonly capacity: Capacity;
  readonly rules: NodeRules;
  readonly sizes: SizeRules;
  /** Whether the controller has a registry of images. */
  readonly hasRegistry?: boolean;
}

interface Known {
  readonly row: NodeRow;
  /** The part of the node's claims that the operator's rules allow. */
  readonly claim: Claim;
  /** Shows the node as it is at each look. */
  readonly node: FleetNode;
}

type Claim = Pick<FleetNode, 'id' | 'name' | 'cpuMillis' | 'memoryBytes' | 'maxSessions' | 'bounds' | 'spaces' | 'reserved'>;

const NO_IMAGES: ReadonlySet<string> = new Set();

/**
 * All nodes that have joined and were not removed, in memory, computed from commits and from reports on live streams.
 * Placement reads it while a batch is decided, without reading the store. Services and lists read
 * it too.
 *
 * Invariant: after each commit, it has the rows of that commit. The use of sessions is counted on
 * the overlay of the batch.
 */
export class NodeDirectory implements Fleet {
  readonly sizes: SizeRules;
  readonly #deps: NodeDirectoryDeps;
  /** In order of joining. */
  #known = new Map<NodeId, Known>();
  /** Of #known. Undefined: to be made anew. */
  #nodes: readonly FleetNode[] | undefined;
  #maxima: Partial<Limits> | undefined;
  readonly #orders = new NodeOrders(() => this.nodes());
  readonly #live = new Map<NodeId, LiveNode>();

  constructor(deps: NodeDirectoryDeps) {
    this.#deps = deps;
    this.sizes = deps.sizes;
    for (const row of deps.view.nodes()) this.#put(row);
    deps.capacity.onChanged = (id) => {
      if (this.#known.has(id as NodeId)) this.#orders.changed(id as NodeId);
    };
  }

  /** Each node changes with what is known of it: look at it before the next `await`, or copy what matters. */
  nodes(): readonly FleetNode[] {
    this.#nodes ??= [...this.#known.values()].map(({ node }) => node);
    return this.#nodes;
  }

  /** Like {@link nodes}. */
  node(id: NodeId | null): FleetNode | undefined {
    return id === null ? undefined : this.#known.get(id)?.node;
  }

  byLoad(load: Load): readonly LoadedNode[] {
    return this.#orders.byLoad(load);
  }

  get maxima(): Partial<Limits> {
    this.#maxima ??= largestMaxima(this.nodes());
    return this.#maxima;
  }

  /** Rows as last committed. */
  rows(): readonly NodeRow[] {
    return [...this.#known.values()].map(({ row }) => row);
  }

  row(id: NodeId): NodeRow | undefined {
    return this.#known.get(id)?.row;
  }

  spaceUse(id: SpaceId): SpaceUse {
    return this.#deps.capacity.ofSpace(id);
  }

  slotUse(id: SpaceId): SlotUse {
    return this.#deps.capacity.slotsOf(id);
  }

  sessionsOfSpace(space: SpaceId, node: NodeId): number {
    return this.#deps.capacity.ofSpaceOn(space, node);
  }

  /**
   * Returns whether the operator lets a node run sessions and builds of a space. A node without a
   * row is identified by its id.
   */
  mayHave(id: NodeId, space: SpaceId): boolean {
    return takesSpace(this.#known.get(id)?.claim ?? { spaces: this.#spacesOf({ id, name: id }) }, space);
  }

  /** A stream of the node is live and replaces any earlier one. */
  connected(id: NodeId, live: LiveNode): void {
    this.#live.set(id, live);
  }

  disconnected(id: NodeId): void {
    this.#live.delete(id);
  }

  /** Call after each COMMIT, before anything reads the directory. */
  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'nodes') {
        if (mutation.row.revokedAt === null) this.#put(mutation.row);
        else this.#remove(mutation.row.id);
      }
      if (mutation.kind === 'remove' && mutation.table === 'nodes') this.#remove(mutation.id as NodeId);
    }
    // Rules refer to spaces by name, and a space can have been created or removed.
    if (this.#deps.rules.size > 0 && mutations.some((mutation) => 'table' in mutation && mutation.table === 'spaces'))
      for (const row of this.rows()) this.#put(row);
  }

  #put(row: NodeRow): void {
    const before = this.#known.get(row.id);
    const spaces = this.#spacesOf(row);
    const { id, name, bounds } = row;
    const rule = ruleOfNode(this.#deps.rules, row);
    const claim = { id, name, ...within(rule, row), bounds: bounds ?? undefined, spaces, reserved: rule.reserved };
    this.#known.set(id, { row, claim, node: this.#shown(row, claim) });
    this.#forgetLists();
    if (before?.row.joinedAt === row.joinedAt) return;
    this.#known = new Map(
      [...this.#known].sort(([a, { row: one }], [b, { row: other }]) => one.joinedAt - other.joinedAt || (a < b ? -1 : 1)),
    );
  }

  #remove(id: NodeId): void {
    if (this.#known.delete(id)) this.#forgetLists();
  }

  #forgetLists(): void {
    this.#nodes = undefined;
    this.#maxima = undefined;
    this.#orders.clear();
  }

  /** Returns the spaces that a rule names, by their current names. */
  #spacesOf(node: Pick<NodeRow, 'id' | 'name'>): ReadonlySet<SpaceId> | undefined {
    const { spaces } = ruleOfNode(this.#deps.rules, node);
    return spaces && new Set(spaces.flatMap((name) => this.#deps.view.spaceByName(name)?.id ?? []));
  }

  /** Getters, not values: placement looks at few of what can be thousands of nodes. */
  #shown(row: NodeRow, claim: Claim): FleetNode {
    const { capacity, hasRegistry } = this.#deps;
    const live = () => this.#live.get(claim.id);
    const isReady = () => live()?.lease.runs === true;
    return {
      ...claim,
      cordoned: row.cordonedAt !== null,
      draining: row.drain !== null,
      labels: row.labels,
      platform: row.platform ?? undefined,
      get ready() {
        return isReady();
      },
      get away() {
        return row.lastSeenAt !== null && row.lostAt === null && !isReady();
      },
      get images() {
        return live()?.facts.images ?? NO_IMAGES;
      },
      get engine() {
        return live()?.facts.engine || undefined;
      },
      get buildFeatures() {
        return live()?.facts.buildFeatures;
      },
      get profiles() {
        return live()?.facts.profiles;
      },
      get takesSlots() {
        return live()?.facts.takesSlots;
      },
      get pulls() {
        return hasRegistry === true && live()?.facts.movesImages === true;
      },
      get unschedulable() {
        return live()?.facts.conditions.find(({ unschedulable }) => unschedulable)?.message;
      },
      get requested() {
        return capacity.requestedOn(claim.id);
      },
      get sessions() {
        return capacity.sessionsOn(claim.id);
      },
      get limited() {
        return capacity.limitedOn(claim.id);
      },
      get slots() {
        return capacity.slotsOf(claim.id);
      },
    };
  }
}

import type { Fleet, FleetNode, SlotUse, SpaceUse } from '../../domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import { type NodeRules, ruleOfNode, within } from '../../domain/nodes/node-rules.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import type { NodeView } from '../../domain/nodes/view.ts';
import { takesSpace } from '../../domain/sessions/placement/filters.ts';
import type { SizeRules } from '../../domain/sessions/session-sizes.ts';
import type { SpaceView } from '../../domain/spaces/view.ts';
import type { Capacity } from './capacity.ts';

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
  readonly claim: Pick<FleetNode, 'id' | 'name' | 'cpuMillis' | 'memoryBytes' | 'maxSessions' | 'bounds' | 'spaces' | 'reserved'>;
}

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
  readonly #live = new Map<NodeId, LiveNode>();

  constructor(deps: NodeDirectoryDeps) {
    this.#deps = deps;
    this.sizes = deps.sizes;
    for (const row of deps.view.nodes()) this.#put(row);
  }

  nodes(): readonly FleetNode[] {
    return [...this.#known.values()].map((known) => this.#shown(known));
  }

  node(id: NodeId | null): FleetNode | undefined {
    const known = id === null ? undefined : this.#known.get(id);
    return known && this.#shown(known);
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
        else this.#known.delete(mutation.row.id);
      }
      if (mutation.kind === 'remove' && mutation.table === 'nodes') this.#known.delete(mutation.id as NodeId);
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
    this.#known.set(id, { row, claim });
    if (before?.row.joinedAt === row.joinedAt) return;
    this.#known = new Map(
      [...this.#known].sort(([a, { row: one }], [b, { row: other }]) => one.joinedAt - other.joinedAt || (a < b ? -1 : 1)),
    );
  }

  /** Returns the spaces that a rule names, by their current names. */
  #spacesOf(node: Pick<NodeRow, 'id' | 'name'>): ReadonlySet<SpaceId> | undefined {
    const { spaces } = ruleOfNode(this.#deps.rules, node);
    return spaces && new Set(spaces.flatMap((name) => this.#deps.view.spaceByName(name)?.id ?? []));
  }

  #shown({ row, claim }: Known): FleetNode {
    const live = this.#live.get(claim.id);
    const ready = live?.lease.runs === true;
    return {
      ...claim,
      ready,
      away: !ready && row.lastSeenAt !== null && row.lostAt === null,
      cordoned: row.cordonedAt !== null,
      draining: row.drain !== null,
      labels: row.labels,
      images: live?.facts.images ?? NO_IMAGES,
      platform: row.platform ?? undefined,
      engine: live?.facts.engine || undefined,
      buildFeatures: live?.facts.buildFeatures,
      profiles: live?.facts.profiles,
      takesSlots: live?.facts.takesSlots,
      pulls: this.#deps.hasRegistry === true && live?.facts.movesImages === true,
      unschedulable: live?.facts.conditions.find(({ unschedulable }) => unschedulable)?.message,
      ...this.#deps.capacity.ofNode(claim.id),
    };
  }
}

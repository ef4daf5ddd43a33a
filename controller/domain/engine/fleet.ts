import type { Strategy } from '../../contract/scheduling/space-scheduling.ts';
import type { Platform } from '../images/platforms.ts';
import type { NodeBounds } from '../nodes/rows.ts';
import type { Limits, Requests } from '../sessions/rows.ts';
import type { SizeRules } from '../sessions/session-sizes.ts';
import type { NodeId, SpaceId } from './ids.ts';

/** A node as placement sees it. For an absent node, its last report counts. */
export interface FleetNode {
  readonly id: NodeId;
  readonly name: string;
  /** Whether its stream is up and its lease is valid. */
  readonly ready: boolean;
  /** Whether it is not ready, has been, and is not lost. */
  readonly away?: boolean;
  /** Why its node agent accepts no new sessions; undefined if it accepts them. */
  readonly unschedulable?: string | undefined;
  /** Whether an operator wants no new sessions on it. Existing ones still wake. */
  readonly cordoned?: boolean;
  /** Set by operators. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether it is being drained, or was and is not uncordoned: no session starts or wakes on it. */
  readonly draining?: boolean;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: unlimited. */
  readonly maxSessions: number;
  readonly images: ReadonlySet<string>;
  /** Of the images that run on it. Undefined: {@link DEFAULT_PLATFORM}. */
  readonly platform?: Platform | undefined;
  /** Nodes with the same one have the same images. Undefined: unknown. */
  readonly engine?: string | undefined;
  /** What its node agent can do in builds. Undefined: what every release can. */
  readonly buildFeatures?: ReadonlySet<string> | undefined;
  /** The profiles that its sessions can have. Undefined: locked only. */
  readonly profiles?: ReadonlySet<string> | undefined;
  /** Whether its node agent knows slots. An older one would keep those that a restored store forgets. Undefined: unknown. */
  readonly takesSlots?: boolean | undefined;
  /** Whether it can pull images from the registry. */
  readonly pulls?: boolean | undefined;
  /** Spaces whose sessions and builds this node accepts. Undefined: all. */
  readonly spaces?: ReadonlySet<SpaceId> | undefined;
  /** Room for its own sessions to wake, which new ones leave free. Undefined: none. */
  readonly reserved?: Requests | undefined;
  readonly requested: Requests;
  readonly sessions: number;
  /** Undefined: its node agent reports none. */
  readonly bounds?: NodeBounds | undefined;
  /**
   * Sums of its sessions' limits. Disks count for all sessions, the other limits only for those
   * that occupy room.
   */
  readonly limited: Omit<Limits, 'cpuMillis'>;
  /** What its slots take up besides. Undefined: it has none. */
  readonly slots?: SlotUse | undefined;
}

/** What slots take up: room that sessions find free, and that slots leave to them. */
export interface SlotUse extends Requests {
  readonly count: number;
  /** Sums of limits. */
  readonly maxMemoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
}

/** What a node's load is measured for. */
export interface Load {
  readonly requests: Requests;
  readonly strategy: Strategy;
}

/** A node with its load, and what else orders it: see placement/load.ts. */
export interface LoadedNode {
  readonly node: FleetNode;
  readonly load: number;
  readonly sessions: number;
}

/** All nodes at this point of the batch, including the effects of its earlier commands. */
export interface Fleet {
  nodes(): readonly FleetNode[];
  /** Returns all nodes, those with the least load first, in the order of `byLoad` in placement/load.ts. Valid until something changes. */
  byLoad(load: Load): readonly LoadedNode[];
  /** The largest maxima of one session among the nodes. */
  readonly maxima: Partial<Limits>;
  node(id: NodeId | null): FleetNode | undefined;
  /** The operator's bounds on session sizes. */
  readonly sizes: SizeRules;
  spaceUse(spaceId: SpaceId): SpaceUse;
  slotUse(spaceId: SpaceId): SlotUse;
  /** Returns how many sessions of a space a node has, including those that take up no room. */
  sessionsOfSpace(spaceId: SpaceId, nodeId: NodeId): number;
}

/** A space's usage of the resources that have quotas. */
export interface SpaceUse extends Requests {
  /** Disk limits of all sessions. */
  readonly diskBytes: number;
  /**
   * Sessions that are not deleted. `cpuMillis` and `memoryBytes` count only those that occupy room
   * on a node.
   */
  readonly sessions: number;
}

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
  /** Why its node agent wants no new sessions; undefined when nothing is wrong. */
  readonly unschedulable?: string | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: unlimited. */
  readonly maxSessions: number;
  readonly images: ReadonlySet<string>;
  /** Spaces whose sessions and builds this node accepts. Undefined: all. */
  readonly spaces?: ReadonlySet<SpaceId> | undefined;
  readonly requested: Requests;
  readonly sessions: number;
  /** Undefined: its node agent reports none. */
  readonly bounds?: NodeBounds | undefined;
  /**
   * Sums over the limits of its sessions: disks of all, and the rest of those that take up room.
   */
  readonly limited: Omit<Limits, 'cpuMillis'>;
}

/** All nodes at this point of the batch, with what its earlier commands have placed. */
export interface Fleet {
  nodes(): readonly FleetNode[];
  node(id: NodeId | null): FleetNode | undefined;
  /** The operator's bounds on session sizes. */
  readonly sizes: SizeRules;
  spaceUse(spaceId: SpaceId): SpaceUse;
}

/** A space's use of what its quotas bound. */
export interface SpaceUse extends Requests {
  /** Disk limits of all sessions. */
  readonly diskBytes: number;
  /**
   * All that are not deleted. `cpuMillis` and `memoryBytes` count only those that take up room on a
   * node.
   */
  readonly sessions: number;
}

import type { NodeBounds } from '../nodes/rows.ts';
import type { Limits, Requests } from '../sessions/rows.ts';
import type { SizeRules } from '../sessions/session-sizes.ts';
import type { NodeId, SpaceId } from './ids.ts';

/** A node as placement sees it. What cannot be known of an absent node is as it was last said. */
export interface FleetNode {
  readonly id: NodeId;
  readonly name: string;
  /** Its stream is up and its lease runs. */
  readonly ready: boolean;
  /** Why its node agent wants nothing new placed there; undefined when nothing speaks against it. */
  readonly unschedulable?: string | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: no bound of its own. */
  readonly maxSessions: number;
  readonly images: ReadonlySet<string>;
  /** Spaces whose sessions and builds it may get. Undefined: all. */
  readonly spaces?: ReadonlySet<SpaceId> | undefined;
  readonly requested: Requests;
  readonly sessions: number;
  /** Undefined: it has said nothing of them. */
  readonly bounds?: NodeBounds | undefined;
  /** Sums over the limits of its sessions: of disks all that are there, of the rest those that take up room. */
  readonly limited: Omit<Limits, 'cpuMillis'>;
}

/** All nodes at this point of the batch: what earlier commands of it have placed is counted. */
export interface Fleet {
  nodes(): readonly FleetNode[];
  node(id: NodeId | null): FleetNode | undefined;
  /** What the operator allows of sessions. */
  readonly sizes: SizeRules;
  spaceUse(spaceId: SpaceId): SpaceUse;
}

/** What a space has of what its quotas bound. */
export interface SpaceUse extends Requests {
  /** Of the disks of all sessions, by their limits. */
  readonly diskBytes: number;
  /** All that are not deleted. `cpuMillis` and `memoryBytes` are of those alone that take up room on a node. */
  readonly sessions: number;
}

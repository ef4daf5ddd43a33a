import type { BuiltAgent } from '../builds/rows.ts';
import type { AccountId, BuildId, NodeId, SessionId, SpaceId } from '../engine/ids.ts';

/** What a session should be. */
export type Desired = 'running' | 'paused' | 'suspended' | 'failed' | 'deleted';

/** What its node last said it is. `none`: nothing yet under this placement. */
export type Phase = 'none' | 'starting' | 'running' | 'paused' | 'suspended' | 'failed';

/** Orders all reports of one node: a later join, then a later start of its agent, then a later report. */
export interface ReportOrder {
  readonly incarnation: number;
  readonly boot: number;
  readonly number: number;
}

export interface Requests {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

export interface Limits {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
}

export interface SessionRow {
  readonly id: SessionId;
  readonly name: string | null;
  readonly spaceId: SpaceId;
  readonly desired: Desired;
  /** Grows with every change of what it should be. */
  readonly generation: number;
  readonly nodeId: NodeId | null;
  /** The generation at which it came to its node. What speaks under an older one is refused. */
  readonly placedGeneration: number;
  /** The generation it had in the backup that this store was restored from, until its node said what became of it since, or somebody asked for a change. */
  readonly restoredFrom: number | null;
  readonly image: string;
  readonly buildId: BuildId | null;
  readonly agents: readonly BuiltAgent[];
  readonly requests: Requests;
  readonly limits: Limits;
  readonly phase: Phase;
  readonly observedGeneration: number;
  readonly observedOrder: ReportOrder | null;
  readonly containerId: string | null;
  readonly volume: string | null;
  /** How long a running message may go on when it is to be suspended. */
  readonly graceMs: number;
  /** Its guest has spoken at least once: the volume holds something, and a missing one is a failure. */
  readonly hasRun: boolean;
  /** Of its memory, as its guest counted when it last ran, and at which generation that was. Null: nobody has said. */
  readonly life: { readonly generation: number; readonly number: number } | null;
  /** Why it is failed. */
  readonly reason: string | null;
  /** The number of the newest message. */
  readonly lastSeq: number;
  /**
   * Numbers up to here were given in an earlier life of the store: what a guest says of the newest it holds tells nothing of
   * them, and each is sent and acknowledged by itself. 0 when the session was made in this one.
   */
  readonly epochSeq: number;
  /** User messages that the guest holds and that have no answer yet. */
  readonly outstanding: number;
  readonly parentId: SessionId | null;
  /** The session whose volume this one's begins as a copy of, until it has begun. */
  readonly copyFrom: SessionId | null;
  readonly timeouts: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdBy: string;
  readonly createdById: AccountId;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly startedAt: number | null;
  readonly lastActivityAt: number | null;
  readonly terminatedAt: number | null;
  readonly terminationReason: string | null;
}

/** A removal that its node has not finished. Keyed by the session. */
export interface TombstoneRow {
  readonly id: SessionId;
  readonly nodeId: NodeId;
  readonly upToGeneration: number;
  readonly createdAt: number;
}

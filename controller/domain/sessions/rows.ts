import type { BuiltAgent } from '../builds/rows.ts';
import { flag, integer, json, type RowOf, text } from '../engine/fields.ts';
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

export const SESSIONS = {
  id: text<SessionId>(),
  name: text<string | null>(),
  spaceId: text<SpaceId>(),
  desired: text<Desired>(),
  /** Grows with every change of what it should be. */
  generation: integer(),
  nodeId: text<NodeId | null>(),
  /** The generation at which it came to its node. What speaks under an older one is refused. */
  placedGeneration: integer(),
  /** The generation it had in the backup that this store was restored from, until its node said what became of it since, or somebody asked for a change. */
  restoredFrom: integer<number | null>(),
  image: text(),
  buildId: text<BuildId | null>(),
  agents: json<readonly BuiltAgent[]>(),
  requests: json<Requests>(),
  limits: json<Limits>(),
  phase: text<Phase>(),
  observedGeneration: integer(),
  observedOrder: json<ReportOrder | null>(),
  containerId: text<string | null>(),
  volume: text<string | null>(),
  /** How long a running message may go on when it is to be suspended. */
  graceMs: integer(),
  /** Its guest has spoken at least once: the volume holds something, and a missing one is a failure. */
  hasRun: flag(),
  /** Of its memory, as its guest counted when it last ran, and at which generation that was. Null: nobody has said. */
  life: json<{ readonly generation: number; readonly number: number } | null>(),
  /** Why it is failed. */
  reason: text<string | null>(),
  /** The number of the newest message. */
  lastSeq: integer(),
  /**
   * Numbers up to here were given in an earlier life of the store: what a guest says of the newest it holds tells nothing of
   * them, and each is sent and acknowledged by itself. 0 when the session was made in this one.
   */
  epochSeq: integer(),
  /** User messages that the guest holds and that have no answer yet. */
  outstanding: integer(),
  parentId: text<SessionId | null>(),
  /** The session whose volume this one's begins as a copy of, until it has begun. */
  copyFrom: text<SessionId | null>(),
  timeouts: json<Readonly<Record<string, number>>>(),
  metadata: json<Readonly<Record<string, unknown>>>(),
  createdBy: text(),
  createdById: text<AccountId>(),
  createdAt: integer(),
  updatedAt: integer(),
  startedAt: integer<number | null>(),
  lastActivityAt: integer<number | null>(),
  terminatedAt: integer<number | null>(),
  terminationReason: text<string | null>(),
};
export interface SessionRow extends RowOf<typeof SESSIONS> {}

/** A removal that its node has not finished. Keyed by the session. */
export const TOMBSTONES = {
  id: text<SessionId>(),
  nodeId: text<NodeId>(),
  upToGeneration: integer(),
  createdAt: integer(),
};
export interface TombstoneRow extends RowOf<typeof TOMBSTONES> {}

import type { BuiltAgent } from '../builds/rows.ts';
import { flag, integer, json, type RowOf, text } from '../engine/fields.ts';
import type { AccountId, BuildId, NodeId, SessionId, SpaceId } from '../engine/ids.ts';

/** The desired state of a session. */
export type Desired = 'running' | 'paused' | 'suspended' | 'failed' | 'deleted';

/** The state that the node last reported. `none`: no report yet under this placement. */
export type Phase = 'none' | 'starting' | 'running' | 'paused' | 'suspended' | 'failed';

/** Orders all reports of one node: by join, then by start of its agent, then by report. */
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
  /** Incremented by every change of the desired state. */
  generation: integer(),
  nodeId: text<NodeId | null>(),
  /** The generation at which it was placed on its node. Reports under an older one are refused. */
  placedGeneration: integer(),
  /**
   * The generation in the backup from which this store was restored. Cleared by the node's report
   * of the state since then, or by a requested change.
   */
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
  /** When suspending: how long a running message can continue. */
  graceMs: integer(),
  /** Whether its guest has connected at least once. From then on a missing volume is a failure. */
  hasRun: flag(),
  /**
   * The life of its memory as its guest counted when it last ran, and the generation of that
   * report. Null: none yet.
   */
  life: json<{ readonly generation: number; readonly number: number } | null>(),
  /** Why it failed. */
  reason: text<string | null>(),
  /** The seq of the newest message. */
  lastSeq: integer(),
  /**
   * Seqs up to here are from an earlier epoch: the guest's newest accepted seq says nothing about
   * them, and each is sent and acknowledged on its own. 0 for a session of this epoch.
   */
  epochSeq: integer(),
  /** User messages that the guest has accepted and not answered. */
  outstanding: integer(),
  parentId: text<SessionId | null>(),
  /** The session whose volume to copy, until the copy exists. */
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

/** A removal that the node has not finished, keyed by session. */
export const TOMBSTONES = {
  id: text<SessionId>(),
  nodeId: text<NodeId>(),
  upToGeneration: integer(),
  createdAt: integer(),
};
export interface TombstoneRow extends RowOf<typeof TOMBSTONES> {}

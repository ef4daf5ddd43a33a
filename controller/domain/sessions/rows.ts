import type { Isolation, Profile } from '../../contract/profiles.ts';
import type { Constraint, Preference } from '../../contract/scheduling/label-rules.ts';
import type { BuiltAgent } from '../builds/rows.ts';
import { flag, integer, json, type RowOf, text } from '../engine/fields.ts';
import type { AccountId, BuildId, NodeId, SessionId, SpaceId } from '../engine/ids.ts';

/** The desired state of a session. */
export type Desired = 'running' | 'paused' | 'suspended' | 'failed' | 'deleted';

/** Its node's last report. `none`: no report yet under this placement. */
export type Phase = 'none' | 'starting' | 'running' | 'paused' | 'suspended' | 'failed';

/**
 * Orders all reports of one node: by its join, then by the start of its node agent, then by number.
 */
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
  /** The generation at which it was placed on its node. Reports of an older one are refused. */
  placedGeneration: integer(),
  /**
   * Its generation in the backup from which this store was restored, until its node reports its
   * state or a client changes it.
   */
  restoredFrom: integer<number | null>(),
  image: text(),
  profile: text<Profile>(),
  /** The name from which the image of a workstation was made. Null: it is an image of agents. */
  imageName: text<string | null>(),
  /** As its node last reported. */
  isolation: text<Isolation | null>(),
  buildId: text<BuildId | null>(),
  agents: json<readonly BuiltAgent[]>(),
  requests: json<Requests>(),
  limits: json<Limits>(),
  phase: text<Phase>(),
  observedGeneration: integer(),
  observedOrder: json<ReportOrder | null>(),
  containerId: text<string | null>(),
  volume: text<string | null>(),
  /** Its node is drained, and messages wait that wake it when the drain ends. */
  wakeWanted: flag(),
  /** When suspending: how long a running message can continue. */
  graceMs: integer(),
  /**
   * Its guest has connected at least once: the volume has content, and a missing one is a failure.
   */
  hasRun: flag(),
  /**
   * The life of its memory when it last ran, as its guest counts it, and the generation at that
   * time. Null: unknown.
   */
  life: json<{ readonly generation: number; readonly number: number } | null>(),
  /** Why it failed. */
  reason: text<string | null>(),
  /** The seq of the newest message. */
  lastSeq: integer(),
  /**
   * Numbers up to this one were assigned before the store was restored. The newest number that a
   * guest reports says nothing about them, so each is sent and acknowledged individually. 0 if the
   * session was created since.
   */
  epochSeq: integer(),
  /** User messages that the guest has and that are unanswered. */
  outstanding: integer(),
  parentId: text<SessionId | null>(),
  /** The session whose volume this one copies, until it has started. */
  copyFrom: text<SessionId | null>(),
  timeouts: json<Readonly<Record<string, number>>>(),
  /** Its own rules about nodes. Those of its space are in the space's settings. */
  constraints: json<readonly Constraint[]>(),
  preferences: json<readonly Preference[]>(),
  metadata: json<Readonly<Record<string, unknown>>>(),
  createdBy: text(),
  createdById: text<AccountId>(),
  createdAt: integer(),
  updatedAt: integer(),
  startedAt: integer<number | null>(),
  lastActivityAt: integer<number | null>(),
  /** Processes run in it that keep it from idling. */
  keptAwake: flag(),
  terminatedAt: integer<number | null>(),
  terminationReason: text<string | null>(),
};
export interface SessionRow extends RowOf<typeof SESSIONS> {}

/** A removal that its node has not finished. Its id is the session's. */
export const TOMBSTONES = {
  id: text<SessionId>(),
  nodeId: text<NodeId>(),
  upToGeneration: integer(),
  createdAt: integer(),
};
export interface TombstoneRow extends RowOf<typeof TOMBSTONES> {}

/** What the node agent knows of one session: what is desired, what was done, and what is there. */
import type { Exit } from './container-end.ts';

export type Desired = 'running' | 'paused' | 'suspended' | 'failed';
export type Phase = 'STARTING' | 'RUNNING' | 'PAUSED' | 'SUSPENDED' | 'FAILED';

export interface AgentSpec {
  readonly name: string;
  readonly runtime: 'PYTHON' | 'NODE' | 'NATIVE';
  readonly handler: string;
  readonly idempotent: boolean;
}

export interface Limits {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
}

export interface SessionSpec {
  readonly space: string;
  readonly spaceId: string;
  readonly image: string;
  readonly agents: readonly AgentSpec[];
  readonly limits: Limits;
  /** It ran before: a volume that is missing is a failure, never a new empty one. */
  readonly volumeExpected: boolean;
}

/** "This session at this generation should be so." */
export interface Assignment {
  readonly sessionId: string;
  readonly generation: number;
  readonly desired: Desired;
  readonly spec: SessionSpec;
  /** When it is to be suspended: how long a running message may go on. */
  readonly graceMs: number;
  /** No message up to this number awaits an answer, as of this assignment. */
  readonly settledSeq: number;
  /** The session whose volume its own begins as a copy of, for as long as it has not begun. */
  readonly copyFrom?: string | undefined;
}

/** Container and volume made at this generation or an earlier one are to go. */
export interface Tombstone {
  readonly sessionId: string;
  readonly upToGeneration: number;
}

/**
 * What is remembered of a session. All but `failed`, `confirmed` and a repeated `removalDue` come
 * from the ledger.
 */
export interface Remembered {
  readonly assignment: Pick<Assignment, 'generation' | 'desired'> | undefined;
  /** The newest tombstone, whether or not it was carried out already. */
  readonly tombstone: number | undefined;
  /** The controller has not heard yet that the tombstone was carried out. */
  readonly removalDue: boolean;
  /** A create was begun at this generation, and how it ended is not known. */
  readonly creating: number | undefined;
  /** Its volume was there once. */
  readonly volumeCreated: boolean;
  /** It cannot go on at this generation; tried again at the next one. */
  readonly failed: number | undefined;
  /**
   * The controller has spoken since this start. Before that, an old ledger creates, starts and
   * stops nothing.
   */
  readonly confirmed: boolean;
  /** Its volume is to begin as a copy of another's, and does not hold it yet. */
  readonly copyDue?: boolean;
  /**
   * A copy into its volume was begun, with unknown outcome. `holding`: its source is kept still for
   * it.
   */
  readonly copying?: 'begun' | 'holding' | undefined;
  /**
   * Others await a copy of its volume. `under-way`: nothing may run on it. `due`: it must not be
   * removed.
   */
  readonly copied?: 'due' | 'under-way' | undefined;
  /** Its container was frozen for a copy, whatever its desired state. */
  readonly frozen?: boolean;
}

export interface ContainerSeen {
  readonly id: string;
  readonly state: 'created' | 'running' | 'paused' | 'exited';
  /** At which it was made. */
  readonly generation: number;
  /**
   * There is a second container of this session, created by somebody else. Two must not run on one
   * volume.
   */
  readonly surplus?: true;
  /** Created outside this node's bounds: it is created again before it starts. */
  readonly outside?: true;
  /** Once it has ended. */
  readonly exit?: Exit;
}

/** A copier: absent, waiting for its start, reading, flushing what was read, done, or failed. */
export type CopyState = 'none' | 'ready' | 'running' | 'flushing' | 'copied' | 'broken';

/** The source of a copy: in use, still until the copy has ended, or absent. */
export type SourceState = 'moving' | 'still' | 'gone';

export interface VolumeSeen {
  readonly name: string;
  readonly generation: number;
  /** Its id, which no other has. */
  readonly disk?: string;
}

export interface Observed {
  readonly container: ContainerSeen | undefined;
  readonly volume: VolumeSeen | undefined;
  /** Its guest has a socket to connect to. */
  readonly listening: boolean;
  /** Its guest is connected and was welcomed. */
  readonly guest: boolean;
  /**
   * Whether the guest drains. `asked`: because of an old ledger, and nothing waits for it. `over`:
   * it has finished, or its time is up.
   */
  readonly drain: 'none' | 'asked' | 'under-way' | 'over';
  /** Looked at only where a copy is due or was begun. */
  readonly copy?: CopyState;
  readonly source?: SourceState;
}

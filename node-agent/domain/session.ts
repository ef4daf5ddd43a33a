/** What the node agent knows of one session: what is desired, what was done, and what is there. */
import type { Exit } from './container-end.ts';

export type Desired = 'running' | 'paused' | 'suspended' | 'failed';
export type Phase = 'STARTING' | 'RUNNING' | 'PAUSED' | 'SUSPENDED' | 'FAILED';

export interface AgentSpec {
  readonly name: string;
  readonly runtime: 'PYTHON' | 'NODE' | 'NATIVE';
  readonly handler: string;
  readonly idempotent: boolean;
  /** Limits of the agent: the time of a run, and the memory of its processes; 0: none of its own. */
  readonly timeoutS: number;
  readonly memoryBytes: number;
  /** How many messages it answers at once; 0: one. */
  readonly concurrency: number;
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
  /** The session ran before, so a missing volume is a failure: no empty one replaces it. */
  readonly volumeExpected: boolean;
  /** Undefined: locked. */
  readonly profile?: SessionProfile | undefined;
}

/** What a session's container is, if it is not locked: a computer with a root of its own. */
export type SessionProfile = 'workstation';

/** What keeps its processes from the host. */
export type Isolation = 'container' | 'user-namespace' | 'gvisor';
export const ISOLATIONS: readonly Isolation[] = ['container', 'user-namespace', 'gvisor'];

/** "This session at this generation should be so." */
export interface Assignment {
  readonly sessionId: string;
  readonly generation: number;
  readonly desired: Desired;
  readonly spec: SessionSpec;
  /** For a suspend: how long a running message can continue. */
  readonly graceMs: number;
  /** When this was assigned, every message up to this number was answered or cleared. */
  readonly settledSeq: number;
  /** The session whose volume to copy, until the copy is complete. */
  readonly copyFrom?: string | undefined;
  /** It was started ahead of need, and is nobody's yet. */
  readonly slot?: true | undefined;
  /** Its guest starts the agents' processes before there is a message. */
  readonly startWorkers?: true | undefined;
}

/** Containers and volumes created at this generation or an earlier one must be removed. */
export interface Tombstone {
  readonly sessionId: string;
  readonly upToGeneration: number;
}

/**
 * What the node agent remembers of a session. Everything but `failed`, `confirmed` and a repeated
 * `removalDue` comes from the ledger.
 */
export interface Remembered {
  readonly assignment: Pick<Assignment, 'generation' | 'desired'> | undefined;
  /** The newest tombstone, even if its removal is complete. */
  readonly tombstone: number | undefined;
  /** The removal still has to be reported to the controller. */
  readonly removalDue: boolean;
  /** A create began at this generation, and its outcome is unknown. */
  readonly creating: number | undefined;
  /** Its volume existed once. */
  readonly volumeCreated: boolean;
  /** It failed at this generation. The next generation is a new attempt. */
  readonly failed: number | undefined;
  /**
   * The controller has sent assignments since this process started. Until then nothing is created,
   * started or stopped, because the ledger can be outdated.
   */
  readonly confirmed: boolean;
  /** Its volume must become a copy of another one and is not complete yet. */
  readonly copyDue?: boolean;
  /**
   * A copy into its volume began, with unknown outcome. `holding`: its source stays frozen for it.
   */
  readonly copying?: 'begun' | 'holding' | undefined;
  /**
   * Other sessions await a copy of its volume. `under-way`: nothing can run on it. `due`: it must
   * not be removed.
   */
  readonly copied?: 'due' | 'under-way' | undefined;
  /** Its container was frozen for a copy, regardless of its desired state. */
  readonly frozen?: boolean;
}

export interface ContainerSeen {
  readonly id: string;
  readonly state: 'created' | 'running' | 'paused' | 'exited';
  /** The generation at which it was created. */
  readonly generation: number;
  /** Somebody else created a second container of this session. Two must not run on one volume. */
  readonly surplus?: true;
  /** It exceeds this node's bounds, so it is recreated before it starts. */
  readonly outside?: true;
  /** As its label says. */
  readonly isolation?: Isolation | undefined;
  /** Set once it has exited. */
  readonly exit?: Exit;
}

/** A copier: absent, waiting for its start, reading, flushing what was read, done, or failed. */
export type CopyState = 'none' | 'ready' | 'running' | 'flushing' | 'copied' | 'broken';

/** The source of a copy: in use, still until the copy has ended, or absent. */
export type SourceState = 'moving' | 'still' | 'gone';

export interface VolumeSeen {
  readonly name: string;
  readonly generation: number;
  /** Its unique id. */
  readonly disk?: string;
}

export interface Observed {
  readonly container: ContainerSeen | undefined;
  readonly volume: VolumeSeen | undefined;
  /** The socket that its guest connects to exists. */
  readonly listening: boolean;
  /** Its guest is connected and was welcomed. */
  readonly guest: boolean;
  /**
   * Whether the guest drains. `asked`: because of an old ledger, and nothing waits for it. `over`:
   * it has finished, or its time is up.
   */
  readonly drain: 'none' | 'asked' | 'under-way' | 'over';
  /** Observed only if a copy is due or in progress. */
  readonly copy?: CopyState;
  readonly source?: SourceState;
}

import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Reason } from './reasons.ts';

export const MAX_REPLY_BYTES = 1024 * 1024;

export interface RunRequest {
  readonly runId: string;
  readonly message: string;
  /** The handler's `context`. */
  readonly contextJson: string;
}

/** Receives the output of a run in progress. */
export interface RunOutput {
  /** A piece of the reply. */
  delta(text: string): void;
  /** A printed line, without its line break. It can arrive shortly after the end of the run. */
  line(stream: 'STDOUT' | 'STDERR', line: string): void;
}

/**
 * A limit of the session's container that its agents reached. `value` is the limit, in bytes for
 * memory.
 */
export interface LimitReached {
  readonly limit: 'processes' | 'memory';
  readonly value: number;
  /** Empty if unknown. */
  readonly agent: string;
}

export type RunEnd =
  /** `model`: the model that gave the reply, instead of an agent. */
  | { readonly outcome: 'reply'; readonly content: string; readonly model?: string }
  | {
      readonly outcome: 'error';
      readonly reason: Reason;
      readonly content: string;
      /**
       * The agent's process could not start at the session's process limit. Its handler was not
       * called, so the run can start it again.
       */
      readonly canStartAgain?: true;
    };

/** The agent gives the message to another one, whose answer takes the place of its own. */
export interface Handoff {
  readonly outcome: 'handoff';
  readonly agent: string;
  readonly content: string;
}

export type WorkerEnd = RunEnd | Handoff;

/** The other agents, as a run sees them. */
export interface Peers {
  /**
   * Always resolves: to the agent's answer, or to why there is none. The signal says that nobody
   * waits for it any more.
   */
  ask(agent: string, content: string, signal?: AbortSignal): Promise<RunEnd>;
}

/** The session's agents and their environment, from the host. */
export interface Setup {
  readonly space: string;
  readonly agents: readonly AgentSpec[];
  /** The space's secrets, only in memory. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The process of one agent. It stays alive between messages. */
export interface Worker {
  /** False once it has ended: a new worker must be started. */
  readonly alive: boolean;
  /**
   * Always resolves, even if the process dies, cannot be started, or is killed. One run at a time.
   */
  run(request: RunRequest, output: RunOutput, peers: Peers): Promise<WorkerEnd>;
  /** Kills it and everything that it started, at once. */
  kill(): void;
  /**
   * Asks the current run to end and clean up, and kills the process shortly afterwards in any case.
   */
  interrupt(): void;
  /** Resolves once it has ended. Undefined if each run has its own process. */
  readonly ended?: Promise<unknown>;
}

/** Starts the agents' programs: processes in production, a script in the simulation. */
export interface WorkerHost {
  /** Returns at once. The first run reports a failure. */
  start(agent: AgentSpec, setup: Setup): Worker;
  /**
   * Called before each run that starts a process. Returns a promise if other processes must exit
   * first.
   */
  makeRoom?(): Promise<void> | undefined;
  /** Called when a run starts and when the last one has ended. */
  working?(isWorking: boolean): void;
  /** Calls the listener when the session reaches a limit of its container. */
  onLimit?(listener: (what: LimitReached) => void): void;
  close(): void;
}

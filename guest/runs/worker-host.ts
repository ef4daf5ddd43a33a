import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Reason } from './reasons.ts';

export const MAX_REPLY_BYTES = 1024 * 1024;

export interface RunRequest {
  readonly runId: string;
  readonly message: string;
  /** What the handler gets as `context`. */
  readonly contextJson: string;
}

/** What a run says while it is under way. */
export interface RunOutput {
  /** A piece of the reply. */
  delta(text: string): void;
  /** A line that was printed, without its end. May come a little after the run's end too. */
  line(stream: 'STDOUT' | 'STDERR', line: string): void;
}

/** A limit of the session's container that its agents met. `value` is the limit, in bytes for memory. */
export interface LimitReached {
  readonly limit: 'processes' | 'memory';
  readonly value: number;
  /** Empty where nobody knows whose it was. */
  readonly agent: string;
}

export type RunEnd =
  | { readonly outcome: 'reply'; readonly content: string }
  | { readonly outcome: 'error'; readonly reason: Reason; readonly content: string };

/** What the host says of the session's agents. */
export interface Setup {
  readonly space: string;
  readonly agents: readonly AgentSpec[];
  /** The space's secrets, in memory alone. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The process of one agent. It stays alive between messages. */
export interface Worker {
  /** Not after it died: a new one is to be started then. */
  readonly alive: boolean;
  /** Settles always, also when the process dies, cannot be started, or is killed. One at a time. */
  run(request: RunRequest, output: RunOutput): Promise<RunEnd>;
  /** Ends it and all that it started, at once. */
  kill(): void;
  /** Asks the run that is under way to end, so that what the agent opened is closed, and kills the process a moment later whatever it did. */
  interrupt(): void;
  /** Resolves once it is gone. Not there where each run is a process of its own, which lives no longer than the run. */
  readonly ended?: Promise<unknown>;
}

/** Starts the agents' programs, handed in: processes in production, a script in the simulation. */
export interface WorkerHost {
  /** At once; what goes wrong is told by the first run. */
  start(agent: AgentSpec, setup: Setup): Worker;
  /** Called before each run that starts a process. A promise where others have to go first. */
  makeRoom?(): Promise<void> | undefined;
  /** A run begins, or the last one has ended. */
  working?(isWorking: boolean): void;
  /** Who listens when a session meets a limit of its container. */
  onLimit?(listener: (what: LimitReached) => void): void;
  close(): void;
}

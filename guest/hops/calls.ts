import type { Timer } from '../../seams/clock.ts';
import type { Reason } from '../runs/reasons.ts';
import type { Worker } from '../runs/worker-host.ts';

/** All that happens for one user message. */
export interface Turn {
  readonly messageId: string;
  /** The agent to which the message was sent. */
  readonly agent: string;
  /** Whether agents' code has begun to work on it. */
  begun: boolean;
  hops: number;
  outstanding: number;
  /** Interrupts it at the end of the grace of its cancelled message. */
  cancelled: Timer | undefined;
}

/**
 * What a caller waits for: the user message itself, or an ask. One agent after another works on it,
 * as each hands it over to the next.
 */
export interface Call {
  readonly turn: Turn;
  /** Undefined: the user. */
  readonly asker: Run | undefined;
  /** The agent that works on it, or for whose place it waits. */
  agent: string;
  /** Undefined: it waits for a place. */
  run: Run | undefined;
  depth: number;
  /** Each hand-over so far, as "from to". */
  readonly handed: Set<string>;
  /** Why nobody wants its answer any more. */
  dropped: Reason | undefined;
}

/** An agent at work on a call. It has one of the agent's places until it ends. */
export interface Run {
  readonly call: Call;
  readonly agent: string;
  /** Which of the agent's places. */
  readonly slot: number;
  /** Its asks without an answer. */
  readonly asks: Set<Call>;
  /** Set while the agent's code runs. */
  worker: Worker | undefined;
  interrupted: boolean;
}

/** Returns the agents that wait for this run, itself included. */
export function callers(run: Run): string[] {
  const agents: string[] = [];
  for (let at: Run | undefined = run; at !== undefined; at = at.call.asker) agents.push(at.agent);
  return agents;
}

/** Returns the runs of a call and of everything that they ask, and the calls that wait. */
export function below(call: Call): { readonly runs: Run[]; readonly waiting: Call[] } {
  if (call.run === undefined) return { runs: [], waiting: [call] };
  const parts = [...call.run.asks].map(below);
  return { runs: [call.run, ...parts.flatMap(({ runs }) => runs)], waiting: parts.flatMap(({ waiting }) => waiting) };
}

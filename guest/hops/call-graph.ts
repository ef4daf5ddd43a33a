import type { Reason } from '../runs/reasons.ts';
import { type Call, callers, type Run, type Turn } from './calls.ts';
import { canEnd } from './wait-for.ts';

/** Hops between a user message and a run, at most. */
export const MAX_DEPTH = 8;
/** Of one user message: asks without an answer at the same time, and hops in all. */
export const MAX_OUTSTANDING = 16;
export const MAX_HOPS_OF_TURN = 100;

export type Refusal = Extract<Reason, 'cycle' | 'deadlock' | 'too_deep' | 'too_many_hops'>;

/**
 * Who works for whom in a session, and who waits for whose place. It only decides; nothing here runs.
 *
 * 1. An agent never has more runs than places, whether of messages or of hops.
 * 2. Calls get places in the order in which they asked for them.
 * 3. No run waits for itself, neither through its callers nor through the places of other agents:
 *    at all times, every run can end.
 */
export class CallGraph {
  readonly #placesOf: (agent: string) => number;
  readonly #roots = new Map<string, Call>();
  readonly #runs = new Set<Run>();
  readonly #waiting = new Set<Call>();

  constructor(placesOf: (agent: string) => number) {
    this.#placesOf = placesOf;
  }

  /** The calls of the messages in progress, by their ids. */
  get roots(): ReadonlyMap<string, Call> {
    return this.#roots;
  }

  get runs(): ReadonlySet<Run> {
    return this.#runs;
  }

  get waiting(): ReadonlySet<Call> {
    return this.#waiting;
  }

  runsOf(agent: string): readonly Run[] {
    return [...this.#runs].filter((run) => run.agent === agent);
  }

  /** Messages run one at a time, or several of an agent that has places for them. */
  canOpen(agent: string): boolean {
    for (const { turn } of this.#roots.values()) if (turn.agent !== agent) return false;
    return this.#roots.size < this.#placesOf(agent) && this.#hasPlace(agent);
  }

  /** The message begins, and its agent has a place. */
  open(messageId: string, agent: string): Run {
    const turn: Turn = { messageId, agent, begun: false, hops: 0, outstanding: 0, cancelled: undefined };
    const root: Call = { turn, asker: undefined, agent, run: undefined, depth: 0, handed: new Set(), dropped: undefined };
    this.#roots.set(messageId, root);
    return this.#start(root);
  }

  freeSlot(agent: string): number {
    const taken = new Set(this.runsOf(agent).map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    return slot;
  }

  /** Counts one more hop. Returns whether the message can have one. */
  admits(turn: Turn): boolean {
    turn.hops += 1;
    return turn.hops <= MAX_HOPS_OF_TURN;
  }

  /** Returns the call, which waits for a place of that agent, or why it must not be. */
  ask(asker: Run, agent: string): Call | Refusal {
    const { turn, depth } = asker.call;
    if (turn.outstanding >= MAX_OUTSTANDING) return 'too_many_hops';
    if (callers(asker).includes(agent)) return 'cycle';
    if (depth >= MAX_DEPTH) return 'too_deep';
    const call: Call = { turn, asker, agent, run: undefined, depth: depth + 1, handed: new Set(), dropped: undefined };
    asker.asks.add(call);
    this.#waiting.add(call);
    if (!this.#hasPlace(agent) && !canEnd(this.#runs, this.#isFree).has(asker)) {
      asker.asks.delete(call);
      this.#waiting.delete(call);
      return 'deadlock';
    }
    turn.outstanding += 1;
    return call;
  }

  /**
   * The run ends, without asks, and its call waits for a place of that agent; or returns why it must
   * not, and the run goes on.
   */
  handOver(run: Run, agent: string): Refusal | undefined {
    const { call } = run;
    const pair = `${run.agent} ${agent}`;
    const waiting = call.asker === undefined ? [] : callers(call.asker);
    if (agent === run.agent || waiting.includes(agent) || call.handed.has(pair)) return 'cycle';
    if (call.depth >= MAX_DEPTH) return 'too_deep';
    this.#runs.delete(run);
    call.run = undefined;
    call.agent = agent;
    if (call.asker !== undefined && !this.#hasPlace(agent) && !canEnd(this.#runs, this.#isFree).has(call.asker)) {
      call.agent = run.agent;
      call.run = run;
      this.#runs.add(run);
      return 'deadlock';
    }
    call.depth += 1;
    call.handed.add(pair);
    this.#waiting.add(call);
    return undefined;
  }

  /** Gives free places to calls that wait, and returns their runs. */
  beginWaiting(): Run[] {
    const begun: Run[] = [];
    for (const call of this.#waiting) {
      if (!this.#hasPlace(call.agent)) continue;
      this.#waiting.delete(call);
      begun.push(this.#start(call));
    }
    return begun;
  }

  /** The call gets no place any more, but has not ended yet. */
  withdraw(call: Call): void {
    this.#waiting.delete(call);
  }

  /** The call has its answer, or nobody wants it any more. Its run has no asks. */
  end(call: Call): void {
    this.#waiting.delete(call);
    if (call.run !== undefined) this.#runs.delete(call.run);
    call.run = undefined;
    if (call.asker === undefined) this.#roots.delete(call.turn.messageId);
    else if (call.asker.asks.delete(call)) call.turn.outstanding -= 1;
  }

  #start(call: Call): Run {
    const run: Run = { call, agent: call.agent, slot: this.freeSlot(call.agent), asks: new Set(), worker: undefined, interrupted: false };
    call.run = run;
    this.#runs.add(run);
    return run;
  }

  #hasPlace(agent: string): boolean {
    return this.runsOf(agent).length < this.#placesOf(agent);
  }

  readonly #isFree = (agent: string): boolean => this.#hasPlace(agent);
}

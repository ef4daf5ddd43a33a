import type { CallGraph } from '../hops/call-graph.ts';
import { below, type Call, type Run } from '../hops/calls.ts';
import type { Reason } from './reasons.ts';

/** Ends work on calls early: that of the run itself, and of everything below it. */
export class Interruptions {
  readonly #graph: CallGraph;
  #withdrawn: (call: Call) => void = () => undefined;

  constructor(graph: CallGraph) {
    this.#graph = graph;
  }

  /** Calls the listener for a call that waits and gets no place any more. */
  onWithdrawn(listener: (call: Call) => void): void {
    this.#withdrawn = listener;
  }

  /** Interrupts all runs below the call. Those that still wait never begin. */
  interrupt(call: Call, reason: Reason): void {
    const { runs, waiting } = below(call);
    for (const run of runs) {
      run.call.dropped ??= run.call === call ? reason : belowOf(reason);
      run.interrupted = true;
      run.worker?.interrupt();
    }
    for (const one of waiting) {
      one.dropped ??= one === call ? reason : belowOf(reason);
      this.#graph.withdraw(one);
      this.#withdrawn(one);
    }
  }

  /** The run had its time, and so had everything that it asks. */
  timeIsUp(run: Run): void {
    run.worker?.interrupt();
    for (const call of run.asks) this.interrupt(call, 'asker_ended');
  }
}

/** A stop is of one agent. Those below it are not stopped, but nobody waits for them. */
const belowOf = (reason: Reason): Reason => (reason === 'agent_stopped' ? 'asker_ended' : reason);

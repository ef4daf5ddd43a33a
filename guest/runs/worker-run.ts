import type { Clock } from '../../seams/clock.ts';
import type { Run } from '../hops/calls.ts';
import type { HostSide } from '../host/host-side.ts';
import type { LineStore } from '../logs/line-store.ts';
import type { AgentWorkers } from './agent-workers.ts';
import type { Reason } from './reasons.ts';
import { errorEnd, withFields } from './run-end.ts';
import { limitRun } from './run-limit.ts';
import { FramedOutput } from './run-output.ts';
import { MAX_REPLY_BYTES, type Peers, type Worker, type WorkerEnd } from './worker-host.ts';

/** How often a process is started for one run if it lacks processes or threads to start. */
const MAX_STARTS = 3;

export interface WorkerRun {
  readonly runId: string;
  readonly messageId: string;
  readonly content: string;
  readonly contextJson: string;
  /** What the agent finds in its context besides. */
  readonly also: Readonly<Record<string, unknown>>;
  readonly run: Run;
  readonly peers: Peers;
  /** Whether pieces of the reply go to the user. */
  readonly streams: boolean;
  readonly runLimitMs: number;
  /** Whether nobody waits for the answer, or the session drains. */
  readonly isCutOff: () => boolean;
  /** Why it was cut off. */
  readonly cutOff: () => Reason;
  readonly wasStopped: () => boolean;
  readonly wasCancelled: () => boolean;
  /** The run's time is up. */
  readonly interrupt: () => void;
  /** Resolves once there is room for another process. */
  readonly makeRoom: () => Promise<void> | undefined;
  /** Starts the agent's process again. Returns undefined if the agent is gone. */
  readonly start: () => Worker | undefined;
}

interface WorkerRunDeps {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly lines?: LineStore;
}

/**
 * Runs a message in its agent's process, within the time limit. A process that could not start at
 * the session's process limit is started again, since the agent has not seen the message.
 */
export async function runInWorker(
  first: Worker,
  request: WorkerRun,
  host: HostSide,
  workers: Pick<AgentWorkers, 'runBegins' | 'runEnds' | 'lifeOf'>,
  { sessionId, clock, lines }: WorkerRunDeps,
): Promise<WorkerEnd> {
  const { runId, messageId, content, contextJson, run, runLimitMs, isCutOff, wasStopped, wasCancelled, makeRoom, start } = request;
  const { agent } = run;
  const cutOff = () => errorEnd(request.cutOff());
  const timeout = () => errorEnd('agent_timeout', `No answer within ${Math.round(runLimitMs / 1000)} s.`);
  const offer: HostSide['offer'] = (frame) => !request.streams || host.offer(frame);
  const output = new FramedOutput({ sessionId, messageId, runId, agent }, clock, offer, (line) => lines?.keep(line));
  const limit = limitRun(request.interrupt, clock, runLimitMs);
  const runIn = async (worker: Worker): Promise<WorkerEnd> => {
    run.worker = worker;
    workers.runBegins(agent, worker);
    try {
      const also = { ...request.also, worker_life: workers.lifeOf(agent, worker) };
      return await worker.run({ runId, message: content, contextJson: withFields(contextJson, also) }, output, request.peers);
    } finally {
      run.worker = undefined;
      workers.runEnds(worker);
      output.flush();
    }
  };
  try {
    if (isCutOff()) return cutOff();
    let end = await runIn(first);
    const isUnstarted = () => end.outcome === 'error' && end.canStartAgain === true;
    const isOver = () => isCutOff() || wasStopped() || limit.reached;
    for (let starts = 1; isUnstarted() && starts < MAX_STARTS && !isOver(); starts += 1) {
      await makeRoom();
      if (isOver()) break;
      const worker = start();
      if (worker === undefined) return errorEnd('agent_unknown');
      end = await runIn(worker);
    }
    if (isUnstarted() && (isCutOff() || wasStopped())) return cutOff();
    if (run.interrupted && end.outcome === 'error' && (wasCancelled() || end.reason === 'agent_died')) return cutOff();
    if (limit.reached) return timeout();
    if (end.outcome === 'reply' && Buffer.byteLength(end.content) > MAX_REPLY_BYTES) return errorEnd('reply_too_large');
    return end;
  } finally {
    limit.cancel();
  }
}

import type { Clock, Timer } from '../../seams/clock.ts';
import type { HostSide } from '../host/host-side.ts';
import type { LineStore } from '../logs/line-store.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { AgentWorkers } from './agent-workers.ts';
import { errorEnd, withFields } from './run-end.ts';
import { limitRun } from './run-limit.ts';
import { FramedOutput } from './run-output.ts';
import { MAX_REPLY_BYTES, type RunEnd, type Worker } from './worker-host.ts';

/** How often a process is started for one run if it lacks processes or threads to start. */
const MAX_STARTS = 3;

/** The message being worked on. Its worker is set while the agent's code runs. */
export interface Working {
  readonly messageId: string;
  /** The agent that works on it now: a router hands it over to another. */
  agent: string;
  /** Its place among the agent's runs at the same time. Each place has a worker of its own. */
  readonly slot: number;
  worker: Worker | undefined;
  interrupted: boolean;
  /** Interrupts it at the end of the grace of its cancelled message. */
  cancelled: Timer | undefined;
}

export interface WorkerRun {
  readonly runId: string;
  readonly message: Entry['message'];
  readonly working: Working;
  readonly sessionLife: number;
  readonly runLimitMs: number;
  /** Whether nobody waits for the answer, or the session drains. */
  readonly isCutOff: () => boolean;
  readonly wasStopped: () => boolean;
  readonly wasCancelled: () => boolean;
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
  { runId, message, working, sessionLife, runLimitMs, isCutOff, wasStopped, wasCancelled, makeRoom, start }: WorkerRun,
  host: HostSide,
  workers: Pick<AgentWorkers, 'runBegins' | 'runEnds' | 'lifeOf'>,
  { sessionId, clock, lines }: WorkerRunDeps,
): Promise<RunEnd> {
  const { messageId, agent, content, contextJson } = message;
  const cutOff = () => errorEnd(wasCancelled() ? 'cancelled' : wasStopped() ? 'agent_stopped' : 'interrupted');
  const timeout = () => errorEnd('agent_timeout', `No answer within ${Math.round(runLimitMs / 1000)} s.`);
  const offer: HostSide['offer'] = (frame) => host.offer(frame);
  const output = new FramedOutput({ sessionId, messageId, runId, agent }, clock, offer, (line) => lines?.keep(line));
  const limit = limitRun(() => working.worker?.interrupt(), clock, runLimitMs);
  const runIn = async (worker: Worker): Promise<RunEnd> => {
    working.worker = worker;
    workers.runBegins(agent, worker);
    try {
      const lives = { session_life: sessionLife, worker_life: workers.lifeOf(agent, worker) };
      return await worker.run({ runId, message: content, contextJson: withFields(contextJson, lives) }, output);
    } finally {
      working.worker = undefined;
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
    if (working.interrupted && end.outcome === 'error' && (wasCancelled() || end.reason === 'agent_died')) return cutOff();
    if (limit.reached) return timeout();
    if (end.outcome === 'reply' && Buffer.byteLength(end.content) > MAX_REPLY_BYTES) return errorEnd('reply_too_large');
    return end;
  } finally {
    limit.cancel();
  }
}

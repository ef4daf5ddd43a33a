import type { Router__Output as Router } from '../../proto/generated/raworc/v0/Router.ts';
import type { HostSide } from '../host/host-side.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { ModelRouter } from '../router/model-router.ts';
import type { AgentSetup } from './agent-setup.ts';
import type { AgentWorkers } from './agent-workers.ts';
import { beginRun } from './begin-run.ts';
import type { Cancellations } from './cancellations.ts';
import { errorEnd } from './run-end.ts';
import type { RunnerDeps } from './runner-deps.ts';
import type { RunEnd, Worker } from './worker-host.ts';
import { runInWorker, type Working } from './worker-run.ts';

export interface MessageRunDeps {
  readonly deps: RunnerDeps;
  readonly mailbox: Mailbox;
  readonly host: HostSide;
  readonly setup: AgentSetup;
  readonly workers: AgentWorkers;
  readonly cancelled: Cancellations;
  /** Runs started by this process. Any other run without an answer was interrupted by a crash. */
  readonly begun: Set<string>;
  /** Whether the message waited when its agent was stopped. */
  wasStopped(message: Entry['message']): boolean;
}

type Answered = Exclude<RunEnd, { outcome: 'handoff' }>;

/** What bounds a run, and which workers it counts among. */
interface Within {
  readonly runLimitMs: number;
  readonly workers: Pick<AgentWorkers, 'runBegins' | 'runEnds' | 'lifeOf'>;
}

/** A model is no process of the session. */
const NO_WORKERS: Within['workers'] = { runBegins: () => undefined, runEnds: () => undefined, lifeOf: () => 1 };

/** The run of one message: from the records before it to its outcome. */
export class MessageRuns {
  readonly #of: MessageRunDeps;

  constructor(of: MessageRunDeps) {
    this.#of = of;
  }

  async run(entry: Entry, working: Working): Promise<Answered> {
    const { router, messageId } = entry.message;
    if (this.#of.cancelled.has(messageId)) return errorEnd('cancelled');
    if (router === null) return this.#runAgent(entry, working);
    const chosen = entry.runAgent ?? working.agent;
    // A choice that was recorded before a crash stands.
    if (chosen !== working.agent) working.agent = chosen;
    else {
      const end = await this.#choose(router, entry, working);
      if (end.outcome !== 'handoff') return end;
      working.agent = end.agent;
    }
    return this.#runAgent(entry, working);
  }

  /** Asks the model who answers. Nothing else happens meanwhile, so a crash repeats it. */
  async #choose(task: Router, entry: Entry, working: Working): Promise<RunEnd> {
    const { deps, setup, begun } = this.#of;
    const runId = await beginRun(entry, working.agent, this.#of.mailbox, begun, deps.random);
    if (runId === undefined) return errorEnd('disk_full');
    const worker = (deps.model ?? ((...asked) => new ModelRouter(...asked, deps)))(task, setup.secrets);
    // The model has its own time limit.
    const end = await this.#runIn(worker, { runLimitMs: Number.POSITIVE_INFINITY, workers: NO_WORKERS }, runId, entry, working);
    if (end.outcome === 'handoff') begun.delete(runId);
    return end;
  }

  async #runAgent(entry: Entry, working: Working): Promise<Answered> {
    const { deps, mailbox, workers, begun, wasStopped } = this.#of;
    const { agent } = working;
    const setup = this.#of.setup.current;
    const spec = setup?.agents.find((one) => one.name === agent);
    if (entry.runId !== undefined && entry.runAgent === agent && !begun.has(entry.runId) && !spec?.idempotent) {
      return errorEnd('agent_died', 'The session was restarted while the agent worked on this message.');
    }
    if (wasStopped({ ...entry.message, agent })) return errorEnd('agent_stopped');
    if (!setup || !spec) return errorEnd('agent_unknown');
    const room = workers.kept(spec, setup, working.slot) ? undefined : deps.workers.makeRoom?.();
    if (room !== undefined) await room;
    // Starts while the disk syncs, but gets the message only afterwards.
    const worker = workers.ready(spec, setup, working.slot);
    const runId = await beginRun(entry, agent, mailbox, begun, deps.random);
    if (runId === undefined) return errorEnd('disk_full');
    const runLimitMs = spec.timeoutS > 0 ? spec.timeoutS * 1000 : deps.runLimitMs;
    const end = await this.#runIn(worker, { runLimitMs, workers }, runId, entry, working);
    return end.outcome === 'handoff' ? errorEnd('agent_failed') : end;
  }

  async #runIn(worker: Worker, { runLimitMs, workers }: Within, runId: string, entry: Entry, working: Working): Promise<RunEnd> {
    const { deps, mailbox, host, cancelled, wasStopped } = this.#of;
    const { sessionId, barriers } = deps;
    const message = { ...entry.message, agent: working.agent };
    const { messageId, agent } = message;
    // Hosts know a message's first run only.
    if (agent === entry.message.agent)
      host.send({ kind: 'runStarted', value: { sessionId, messageId, runId, agent, generation: host.generation, hop: null } });
    await barriers.reach('guest.run-started');
    const run = {
      ...{ runId, working, message, runLimitMs, sessionLife: mailbox.life },
      isCutOff: () => working.interrupted || mailbox.get(messageId) !== entry,
      wasStopped: () => wasStopped(message),
      wasCancelled: () => cancelled.has(messageId),
      makeRoom: () => deps.workers.makeRoom?.(),
      start: () => this.#start(working),
    };
    return runInWorker(worker, run, host, workers, deps);
  }

  #start({ agent, slot }: Working): Worker | undefined {
    const { workers, setup } = this.#of;
    const spec = setup.current?.agents.find((one) => one.name === agent);
    return setup.current && spec && workers.ready(spec, setup.current, slot);
  }
}

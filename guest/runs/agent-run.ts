import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';
import type { Call, Run } from '../hops/calls.ts';
import type { HopRecords } from '../hops/hop-records.ts';
import type { HostSide } from '../host/host-side.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { ModelRouter } from '../router/model-router.ts';
import type { AgentSetup } from './agent-setup.ts';
import type { AgentWorkers } from './agent-workers.ts';
import { beginRun, recordHop } from './begin-run.ts';
import type { Cancellations } from './cancellations.ts';
import type { Interruptions } from './interruptions.ts';
import type { Reason } from './reasons.ts';
import { errorEnd } from './run-end.ts';
import type { RunnerDeps } from './runner-deps.ts';
import type { Peers, Worker, WorkerEnd } from './worker-host.ts';
import { runInWorker } from './worker-run.ts';

export interface AgentRunDeps {
  readonly deps: RunnerDeps;
  readonly mailbox: Mailbox;
  readonly host: HostSide;
  readonly setup: AgentSetup;
  readonly workers: AgentWorkers;
  readonly cancelled: Cancellations;
  readonly interruptions: Interruptions;
  /** Runs started by this process. Any other run without an answer was interrupted by a crash. */
  readonly begun: Set<string>;
  /** Whether that agent was stopped while the message waited or ran. */
  wasStopped(agent: string, message: Entry['message']): boolean;
}

/** A message at work: its entry, and the records of its hops. */
export interface Work {
  readonly entry: Entry;
  records: HopRecords | undefined;
  /** The agent that the space's model chose before a crash. */
  readonly chosen: string | undefined;
}

/** A run, with what it works on. */
export interface Task {
  readonly run: Run;
  readonly work: Work;
  readonly content: string;
  /** Undefined: the message itself. */
  readonly hop: Hop | undefined;
  readonly peers: Peers;
}

interface Begun {
  readonly end: WorkerEnd;
  /** Empty: it never began. */
  readonly runId: string;
}

/** What bounds a run, and which workers it counts among. */
interface Within {
  readonly runLimitMs: number;
  readonly workers: Pick<AgentWorkers, 'runBegins' | 'runEnds' | 'lifeOf'>;
}

/** A model has its own time limit, and is no process of the session. */
const OF_MODEL: Within = {
  runLimitMs: Number.POSITIVE_INFINITY,
  workers: { runBegins: () => undefined, runEnds: () => undefined, lifeOf: () => 1 },
};

const none = (reason: Reason): Begun => ({ end: errorEnd(reason), runId: '' });

/** One run of an agent, from the records before it to its outcome. */
export class AgentRuns {
  readonly #of: AgentRunDeps;

  constructor(of: AgentRunDeps) {
    this.#of = of;
  }

  specOf(agent: string): AgentSpec | undefined {
    return this.#of.setup.current?.agents.find(({ name }) => name === agent);
  }

  /** Whether the message has its answer, so that nothing more is recorded for it. */
  isSettled({ entry }: Work): boolean {
    return this.#of.mailbox.get(entry.message.messageId) !== entry;
  }

  isCutOff(work: Work, { interrupted }: Run): boolean {
    return interrupted || this.isSettled(work);
  }

  /** Whether nothing more begins for the message, though a run can have a grace. */
  isOver(work: Work, run: Run): boolean {
    return this.isCutOff(work, run) || this.#of.cancelled.has(work.entry.message.messageId);
  }

  cutOffReason({ message }: Entry, { dropped, agent }: Call): Reason {
    if (this.#of.cancelled.has(message.messageId)) return 'cancelled';
    if (dropped === 'asker_ended') return dropped;
    return this.#of.wasStopped(agent, message) ? 'agent_stopped' : (dropped ?? 'interrupted');
  }

  async run(task: Task): Promise<Begun> {
    const { deps, workers, wasStopped } = this.#of;
    const { run, work, hop } = task;
    if (hop === undefined && work.entry.message.router !== null) return this.#choose(task);
    const setup = this.#of.setup.current;
    const spec = this.specOf(run.agent);
    if (!setup || !spec) return none('agent_unknown');
    if (hop !== undefined && this.isOver(work, run)) return none(this.cutOffReason(work.entry, run.call));
    if (wasStopped(run.agent, work.entry.message)) return none('agent_stopped');
    const room = workers.kept(spec, setup, run.slot) ? undefined : deps.workers.makeRoom?.();
    if (room !== undefined) await room;
    // Starts while the disk syncs, but gets the message only afterwards.
    const worker = workers.ready(spec, setup, run.slot);
    const runId = await this.#begin(work, hop);
    if (runId === undefined) return none('disk_full');
    const runLimitMs = spec.timeoutS > 0 ? spec.timeoutS * 1000 : deps.runLimitMs;
    return { end: await this.#runIn(worker, { runLimitMs, workers }, runId, task), runId };
  }

  /** Asks the model who answers. A crash repeats that, unless the choice was recorded. */
  async #choose(task: Task): Promise<Begun> {
    const { deps, setup } = this.#of;
    const { message } = task.work.entry;
    const runId = await this.#begin(task.work, undefined);
    if (runId === undefined) return none('disk_full');
    const { chosen } = task.work;
    if (chosen !== undefined) return { end: { outcome: 'handoff', agent: chosen, content: message.content }, runId };
    if (message.router === null) return none('agent_unknown');
    const worker = (deps.model ?? ((...asked) => new ModelRouter(...asked, deps)))(message.router, setup.secrets);
    return { end: await this.#runIn(worker, OF_MODEL, runId, task), runId };
  }

  /** Resolves to the id of the run once that is durable; to undefined if there is no room for it. */
  async #begin({ entry, records }: Work, hop: Hop | undefined): Promise<string | undefined> {
    const { deps, mailbox, begun } = this.#of;
    if (hop === undefined) return beginRun(entry, mailbox, begun, deps.random);
    const runId = deps.random.uuid();
    records?.begun(hop, runId);
    if (await recordHop(entry, hop, mailbox)) return runId;
    hop.runId = '';
    return undefined;
  }

  async #runIn(worker: Worker, { runLimitMs, workers }: Within, runId: string, task: Task): Promise<WorkerEnd> {
    const { deps, mailbox, host, cancelled, interruptions, wasStopped } = this.#of;
    const { run, work, content, hop, peers } = task;
    const { sessionId, barriers } = deps;
    const { message } = work.entry;
    const { messageId, contextJson } = message;
    const { agent, call } = run;
    // Hosts know a message's first run only.
    if (hop === undefined)
      host.send({ kind: 'runStarted', value: { sessionId, messageId, runId, agent, generation: host.generation, hop: null } });
    await barriers.reach(hop === undefined ? 'guest.run-started' : 'guest.hop-started');
    // A choice of the model is nothing that a cancelled message must wait for.
    if (hop !== undefined || message.router === null) call.turn.begun = true;
    const request = {
      ...{ runId, messageId, content, contextJson, run, peers, runLimitMs },
      also: { session_life: mailbox.life, ...(hop === undefined ? {} : { hop: shown(hop) }) },
      streams: call.asker === undefined,
      isCutOff: () => this.isCutOff(work, run),
      cutOff: () => this.cutOffReason(work.entry, call),
      wasStopped: () => wasStopped(agent, message),
      wasCancelled: () => cancelled.has(messageId),
      interrupt: () => interruptions.timeIsUp(run),
      makeRoom: () => deps.workers.makeRoom?.(),
      start: () => this.#start(run),
    };
    return runInWorker(worker, request, host, workers, deps);
  }

  #start({ agent, slot }: Run): Worker | undefined {
    const { workers, setup } = this.#of;
    const spec = this.specOf(agent);
    return setup.current && spec && workers.ready(spec, setup.current, slot);
  }
}

/** What an agent finds in its context about the hop that it works on. */
const shown = ({ id, kind, fromAgent }: Hop) => ({ id, kind: kind === 'ASK' ? 'ask' : 'handoff', from: fromAgent });

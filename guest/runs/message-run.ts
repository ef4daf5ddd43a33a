import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { HostSide } from '../host/host-side.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
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

/** The run of one message: from the records before it to its outcome. */
export class MessageRuns {
  readonly #of: MessageRunDeps;

  constructor(of: MessageRunDeps) {
    this.#of = of;
  }

  async run(entry: Entry, working: Working): Promise<RunEnd> {
    const { deps, mailbox, workers, cancelled, begun, wasStopped } = this.#of;
    const setup = this.#of.setup.current;
    const spec = setup?.agents.find((one) => one.name === entry.message.agent);
    if (cancelled.has(entry.message.messageId)) return errorEnd('cancelled');
    if (entry.runId !== undefined && !begun.has(entry.runId) && !spec?.idempotent) {
      return errorEnd('agent_died', 'The session was restarted while the agent worked on this message.');
    }
    if (wasStopped(entry.message)) return errorEnd('agent_stopped');
    if (!setup || !spec) return errorEnd('agent_unknown');
    const room = workers.kept(spec, setup, working.slot) ? undefined : deps.workers.makeRoom?.();
    if (room !== undefined) await room;
    // Starts while the disk syncs, but gets the message only afterwards.
    const worker = workers.ready(spec, setup, working.slot);
    const runId = await beginRun(entry, mailbox, begun, deps.random);
    return runId === undefined ? errorEnd('disk_full') : this.#runIn(worker, spec, runId, entry, working);
  }

  async #runIn(worker: Worker, spec: AgentSpec, runId: string, entry: Entry, working: Working): Promise<RunEnd> {
    const { deps, mailbox, host, workers, cancelled, wasStopped } = this.#of;
    const { sessionId, barriers } = deps;
    const { messageId, agent } = entry.message;
    host.send({ kind: 'runStarted', value: { sessionId, messageId, runId, agent, generation: host.generation, hop: null } });
    await barriers.reach('guest.run-started');
    const run = {
      ...{ runId, working, message: entry.message, sessionLife: mailbox.life },
      runLimitMs: spec.timeoutS > 0 ? spec.timeoutS * 1000 : deps.runLimitMs,
      isCutOff: () => working.interrupted || mailbox.get(messageId) !== entry,
      wasStopped: () => wasStopped(entry.message),
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

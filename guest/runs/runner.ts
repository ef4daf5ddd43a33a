import { JournalFull } from '../../journal/journal.ts';
import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';
import type { Secrets__Output as Secrets } from '../../proto/generated/raworc/v0/Secrets.ts';
import type { Timer } from '../../seams/clock.ts';
import type { HostSide } from '../host/host-side.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { AgentSetup } from './agent-setup.ts';
import { AgentWorkers } from './agent-workers.ts';
import { Cancellations } from './cancellations.ts';
import { giveAnswer } from './give-answer.ts';
import { limitReports } from './limit-reports.ts';
import { answerOf, errorEnd } from './run-end.ts';
import type { RunnerDeps } from './runner-deps.ts';
import type { RunEnd, Setup, Worker } from './worker-host.ts';
import { runInWorker, type Working } from './worker-run.ts';

/** Runs the messages of the mailbox, one at a time by seq, and stores the answers in it. */
export class Runner {
  readonly #deps: RunnerDeps;
  readonly #mailbox: Mailbox;
  readonly #host: HostSide;
  readonly #setup = new AgentSetup();
  readonly #workers: AgentWorkers;
  #working: Working | undefined;
  readonly #cancelled: Cancellations;
  #isDraining = false;
  #grace: Timer | undefined;
  #onQuiet: (() => void)[] = [];
  #onRoom: () => void = () => undefined;
  #onFault: (fault: unknown) => void = () => undefined;
  /** Runs started by this process. Any other run without an answer was interrupted by a crash. */
  readonly #begun = new Set<string>();
  /** By stopped agent: waiting messages up to this seq never run. */
  readonly #stopped = new Map<string, number>();

  constructor(deps: RunnerDeps, mailbox: Mailbox, host: HostSide) {
    this.#deps = deps;
    this.#mailbox = mailbox;
    this.#host = host;
    this.#cancelled = new Cancellations(deps.clock);
    this.#workers = new AgentWorkers(deps, () => this.#sendWorkers());
    deps.workers.onLimit?.(limitReports(deps, host));
  }

  /** Calls the listener when the disk fails. The process then ends and continues when restarted. */
  onFault(listener: (fault: unknown) => void): void {
    this.#onFault = listener;
  }

  /** Calls the listener when there can be room for more messages. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener;
  }

  /** Nothing runs before the first call. Workers that no longer match are replaced. */
  configure(setup: Omit<Setup, 'environment'>): void {
    this.#setup.configure(setup);
    this.wake();
  }

  /** Accepts all secrets of the space. Ignores versions older than the one in memory. */
  updateSecrets(secrets: Pick<Secrets, 'version' | 'values'>): void {
    if (this.#setup.updateSecrets(secrets)) this.wake();
  }

  get awaitsSecrets(): boolean {
    return this.#setup.awaitsSecrets;
  }

  /** Starts the next run if a message waits. */
  wake(): void {
    if (!this.#setup.current || this.#working || this.#isDraining) return;
    this.#work().catch((fault: unknown) => this.#onFault(fault));
  }

  /**
   * Returns the run id to store together with this message, which counts as current until `taken`
   * is called. Undefined if the run must start later, because something else runs or waits, or the
   * agent's process has to start first.
   */
  beginTaking(message: Entry['message']): string | undefined {
    const setup = this.#setup.current;
    if (!setup || this.#working || this.#isDraining || this.#mailbox.backlog().count > 0) return undefined;
    const spec = setup.agents.find((one) => one.name === message.agent);
    if (!spec || this.#cancelled.has(message.messageId) || this.#wasStopped(message) || !this.#setup.hasSecrets(message.secretsVersion))
      return undefined;
    if (this.#workers.kept(spec, setup) === undefined) return undefined;
    const runId = this.#deps.random.uuid();
    this.#begun.add(runId);
    this.#workOn(message);
    return runId;
  }

  /** The message is durable with the run of `beginTaking`, or it was refused and does not run. */
  taken(messageId: string, runId: string): void {
    const entry = this.#mailbox.get(messageId);
    const isBegun = entry?.runId === runId;
    if (!isBegun) this.#begun.delete(runId);
    this.#work(isBegun ? entry : undefined).catch((fault: unknown) => this.#onFault(fault));
  }

  /**
   * Starts no more runs, and interrupts the current one after `graceMs` (the newest value, if
   * called again). Resolves when nothing runs and the answer is durable.
   */
  drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    this.#grace?.cancel();
    if (!this.#working) return Promise.resolve();
    if (graceMs === 0) this.#interrupt();
    else this.#grace = this.#deps.clock.after(graceMs, () => this.#interrupt());
    return new Promise((resolve) => this.#onQuiet.push(resolve));
  }

  /** Cancels a drain. A run that it interrupted stays interrupted. */
  cancelDrain(): void {
    this.#isDraining = false;
    this.#grace?.cancel();
    this.wake();
  }

  /** Answers the agent's waiting messages with an error. Its worker stops after the current run. */
  stop(agent: string, interrupt: boolean): void {
    this.#stopped.set(agent, this.#mailbox.takenSeq);
    if (this.#working?.agent !== agent) this.#workers.end(agent);
    else if (interrupt) this.#interrupt();
  }

  /** The message never runs, or its run is interrupted after the grace. */
  cancel(cancel: Pick<CancelMessage, 'messageId' | 'seq' | 'graceMs'>): void {
    this.#cancelled.add(cancel);
    if (this.#working?.messageId === cancel.messageId) this.#endInGrace(this.#working);
    else this.wake();
  }

  /** The message was settled, and all up to this seq. */
  settled(messageId: string, upToSeq: number): void {
    if (this.#working?.messageId !== messageId) this.#cancelled.forget(messageId);
    this.#cancelled.forgetUpTo(upToSeq);
  }

  /** Reports the live workers to a host that has just connected, which assumes none. */
  reportWorkers(): void {
    if (this.#workers.alive().length > 0) this.#sendWorkers();
  }

  /** Returns the message that an agent's code is working on. */
  get running(): string | undefined {
    return this.#working?.worker && this.#working.messageId;
  }

  /** Reports the current run to a host that has just connected. */
  current(): { messageId: string; runId: string; agent: string } | undefined {
    const entry = this.#mailbox.next();
    if (!entry?.runId || !this.#begun.has(entry.runId)) return undefined;
    return { messageId: entry.message.messageId, runId: entry.runId, agent: entry.message.agent };
  }

  #sendWorkers(): void {
    this.#host.send({ kind: 'workers', value: { sessionId: this.#deps.sessionId, workers: this.#workers.alive() } });
  }

  #wasStopped({ agent, seq }: Entry['message']): boolean {
    return seq <= (this.#stopped.get(agent) ?? 0);
  }

  /** Returns whether the message needs newer secrets than those in memory, and requests them. */
  #lacksSecrets({ message: { secretsVersion: version } }: Entry): boolean {
    if (this.#setup.hasSecrets(version)) return false;
    if (!this.#setup.askFor(version)) return true;
    const { generation } = this.#host;
    this.#host.send({ kind: 'secretsRequest', value: { sessionId: this.#deps.sessionId, generation, version } });
    this.#onRoom();
    return true;
  }

  #interrupt(working = this.#working): void {
    if (!working || working !== this.#working) return;
    working.interrupted = true;
    working.worker?.interrupt();
  }

  /** An agent that has not got the cancelled message never gets it. */
  #endInGrace(working: Working): void {
    const graceMs = working.worker === undefined ? 0 : this.#cancelled.graceLeftMs(working.messageId);
    working.cancelled?.cancel();
    if (graceMs === 0) this.#interrupt(working);
    else working.cancelled = this.#deps.clock.after(graceMs, () => this.#interrupt(working));
  }

  /** Runs a message that was started when it was stored, then all waiting ones. */
  async #work(begun?: Entry): Promise<void> {
    if (begun && this.#working) await this.#finish(begun, this.#working);
    for (let entry = this.#mailbox.next(); entry && !this.#isDraining; entry = this.#mailbox.next()) {
      if (!this.#cancelled.has(entry.message.messageId) && this.#lacksSecrets(entry)) break;
      await this.#finish(entry, this.#workOn(entry.message));
    }
    this.#working = undefined;
    this.#deps.workers.working?.(false);
    this.#grace?.cancel();
    for (const resolve of this.#onQuiet.splice(0)) resolve();
  }

  #workOn({ messageId, agent }: Entry['message']): Working {
    this.#working = { messageId, agent, worker: undefined, interrupted: false, cancelled: undefined };
    this.#deps.workers.working?.(true);
    return this.#working;
  }

  async #finish(entry: Entry, working: Working): Promise<void> {
    await this.#answer(entry, working);
    working.cancelled?.cancel();
    this.#cancelled.forget(working.messageId);
    if (this.#wasStopped(entry.message)) this.#workers.end(working.agent);
    this.#onRoom();
  }

  async #answer(entry: Entry, working: Working): Promise<void> {
    const { clock, sessionId } = this.#deps;
    const { messageId, agent } = entry.message;
    const startedAt = clock.monotonic();
    const end = await this.#run(entry, working);
    if (entry.runId !== undefined) this.#begun.delete(entry.runId);
    // It was settled meanwhile and perhaps never ran, so nobody waits for it.
    if (this.#mailbox.get(messageId) !== entry) return;
    const answer = answerOf(end, {
      sessionId,
      generation: this.#host.generation,
      messageId,
      runId: entry.runId ?? '',
      agent,
      durationMs: Math.round(clock.monotonic() - startedAt),
    });
    await giveAnswer(this.#mailbox, this.#host, entry, answer, this.#deps);
  }

  async #run(entry: Entry, working: Working): Promise<RunEnd> {
    const setup = this.#setup.current;
    const spec = setup?.agents.find((one) => one.name === entry.message.agent);
    if (this.#cancelled.has(entry.message.messageId)) return errorEnd('cancelled');
    if (entry.runId !== undefined && !this.#begun.has(entry.runId) && !spec?.idempotent) {
      return errorEnd('agent_died', 'The session was restarted while the agent worked on this message.');
    }
    if (this.#wasStopped(entry.message)) return errorEnd('agent_stopped');
    if (!setup || !spec) return errorEnd('agent_unknown');
    const room = this.#workers.kept(spec, setup) ? undefined : this.#deps.workers.makeRoom?.();
    if (room !== undefined) await room;
    // Starts while the disk syncs, but gets the message only afterwards.
    const worker = this.#workers.ready(spec, setup);
    const runId = await this.#begin(entry);
    return runId === undefined ? errorEnd('disk_full') : this.#runIn(worker, spec, runId, entry, working);
  }

  /** Resolves to the run's id once it is durable; to undefined if there is no room for it. */
  async #begin(entry: Entry): Promise<string | undefined> {
    if (entry.runId !== undefined && this.#begun.has(entry.runId)) return entry.runId;
    const runId = this.#deps.random.uuid();
    try {
      await this.#mailbox.begin(entry, runId);
    } catch (fault) {
      if (fault instanceof JournalFull) return undefined;
      throw fault;
    }
    this.#begun.add(runId);
    return runId;
  }

  async #runIn(worker: Worker, spec: AgentSpec, runId: string, entry: Entry, working: Working): Promise<RunEnd> {
    const { sessionId, barriers } = this.#deps;
    const { messageId, agent } = entry.message;
    this.#host.send({ kind: 'runStarted', value: { sessionId, messageId, runId, agent, generation: this.#host.generation } });
    await barriers.reach('guest.run-started');
    const run = {
      ...{ runId, working, message: entry.message, sessionLife: this.#mailbox.life },
      runLimitMs: spec.timeoutS > 0 ? spec.timeoutS * 1000 : this.#deps.runLimitMs,
      isCutOff: () => working.interrupted || this.#mailbox.get(messageId) !== entry,
      wasStopped: () => this.#wasStopped(entry.message),
      wasCancelled: () => this.#cancelled.has(messageId),
      makeRoom: () => this.#deps.workers.makeRoom?.(),
      start: () => this.#start(agent),
    };
    return runInWorker(worker, run, this.#host, this.#workers, this.#deps);
  }

  #start(agent: string): Worker | undefined {
    const setup = this.#setup.current;
    const spec = setup?.agents.find((one) => one.name === agent);
    return setup && spec && this.#workers.ready(spec, setup);
  }
}

import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';
import type { Secrets__Output as Secrets } from '../../proto/generated/raworc/v0/Secrets.ts';
import type { Timer } from '../../seams/clock.ts';
import { CallGraph } from '../hops/call-graph.ts';
import type { Call, Run } from '../hops/calls.ts';
import { withEnds } from '../hops/hop-records.ts';
import type { HostSide } from '../host/host-side.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { AgentSetup } from './agent-setup.ts';
import { AgentWorkers } from './agent-workers.ts';
import { Cancellations } from './cancellations.ts';
import { giveAnswer } from './give-answer.ts';
import { Interruptions } from './interruptions.ts';
import { limitReports } from './limit-reports.ts';
import { MessageRuns } from './message-run.ts';
import { answerOf } from './run-end.ts';
import type { RunnerDeps } from './runner-deps.ts';
import type { Setup } from './worker-host.ts';

/**
 * Runs the messages of the mailbox and stores the answers in it. Begins them by seq: one at a time,
 * or several of an agent whose manifest allows it.
 */
export class Runner {
  readonly #deps: RunnerDeps;
  readonly #mailbox: Mailbox;
  readonly #host: HostSide;
  readonly #setup = new AgentSetup();
  readonly #workers: AgentWorkers;
  readonly #graph = new CallGraph((agent) => this.#concurrencyOf(agent));
  readonly #interruptions = new Interruptions(this.#graph);
  readonly #cancelled: Cancellations;
  readonly #runs: MessageRuns;
  #isDraining = false;
  #grace: Timer | undefined;
  #onQuiet: (() => void)[] = [];
  #onRoom: () => void = () => undefined;
  #onFault: (fault: unknown) => void = () => undefined;
  /** Runs started by this process. Any other run without an answer was interrupted by a crash. */
  readonly #begun = new Set<string>();
  /** By stopped agent: waiting messages up to this seq never run. */
  readonly #stopped = new Map<string, number>();
  /** Processes that keep the session from idling. Undefined: there never was one. */
  #awake: number | undefined;

  constructor(deps: RunnerDeps, mailbox: Mailbox, host: HostSide) {
    this.#deps = deps;
    this.#mailbox = mailbox;
    this.#host = host;
    this.#cancelled = new Cancellations(deps.clock);
    this.#workers = new AgentWorkers(deps, () => this.#sendWorkers());
    deps.workers.onLimit?.(limitReports(deps, host));
    this.#runs = new MessageRuns({
      ...{ deps, mailbox, host, setup: this.#setup, workers: this.#workers, cancelled: this.#cancelled, begun: this.#begun },
      ...{ graph: this.#graph, interruptions: this.#interruptions },
      wasStopped: (agent, message) => this.#wasStopped(agent, message),
      runEnded: ({ agent }, message) => {
        const isOver = this.#wasStopped(agent, message) || this.#setup.current?.agents.some(({ name }) => name === agent) === false;
        if (isOver && this.#graph.runsOf(agent).length === 1) this.#workers.end(agent);
      },
      onFault: (fault) => this.#onFault(fault),
    });
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
  configure(setup: Omit<Setup, 'environment'>, startWorkers = false): void {
    this.#setup.configure(setup);
    if (startWorkers && this.#setup.current) this.#workers.startAhead(this.#setup.current);
    for (const agent of this.#workers.unknownTo(setup)) if (this.#graph.runsOf(agent).length === 0) this.#workers.end(agent);
    this.wake();
  }

  /** Accepts all secrets of the space. Ignores versions older than the one in memory. */
  updateSecrets(secrets: Pick<Secrets, 'version' | 'values' | 'withheld'>): void {
    if (this.#setup.updateSecrets(secrets)) this.wake();
  }

  get awaitsSecrets(): boolean {
    return this.#setup.awaitsSecrets;
  }

  /** Starts the next runs if messages wait. */
  wake(): void {
    while (this.#setup.current && !this.#isDraining) {
      const entry = this.#mailbox.next(this.#isInProgress);
      if (!entry || !this.#canBegin(entry.message.agent)) return;
      if (!this.#cancelled.has(entry.message.messageId) && this.#lacksSecrets(entry)) return;
      this.#work(entry, this.#workOn(entry.message));
    }
  }

  /** Whether answers to messages of this agent can overtake one that it is working on. */
  isConcurrent(agent: string): boolean {
    return this.#concurrencyOf(agent) > 1;
  }

  /**
   * Returns the run id to store together with this message, which counts as current until `taken`
   * is called. Undefined if the run must start later, because something else runs or waits, or the
   * agent's process has to start first.
   */
  beginTaking(message: Entry['message']): string | undefined {
    const setup = this.#setup.current;
    if (!setup || this.#isDraining || this.#mailbox.hasWaiting(this.#isInProgress) || !this.#canBegin(message.agent)) return undefined;
    const spec = setup.agents.find((one) => one.name === message.agent);
    if (
      !spec ||
      this.#cancelled.has(message.messageId) ||
      this.#wasStopped(message.agent, message) ||
      !this.#setup.hasSecrets(message.secretsVersion)
    )
      return undefined;
    if (this.#workers.kept(spec, setup, this.#graph.freeSlot(spec.name)) === undefined) return undefined;
    const runId = this.#deps.random.uuid();
    this.#begun.add(runId);
    this.#workOn(message);
    return runId;
  }

  /** The message is durable with the run of `beginTaking`, or it was refused and does not run. */
  taken(messageId: string, runId: string): void {
    const entry = this.#mailbox.get(messageId);
    const run = this.#graph.roots.get(messageId)?.run;
    if (entry?.runId === runId && run) return this.#work(entry, run);
    this.#begun.delete(runId);
    this.#ended(messageId);
  }

  /**
   * Starts no more runs, and interrupts the current ones after `graceMs` (the newest value, if
   * called again). Resolves when nothing runs and the answer is durable.
   */
  drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    this.#grace?.cancel();
    if (this.#graph.roots.size === 0) return Promise.resolve();
    const interrupt = () => {
      for (const root of this.#graph.roots.values()) this.#interruptions.interrupt(root, 'interrupted');
    };
    if (graceMs === 0) interrupt();
    else this.#grace = this.#deps.clock.after(graceMs, interrupt);
    return new Promise((resolve) => this.#onQuiet.push(resolve));
  }

  /** Cancels a drain. A run that it interrupted stays interrupted. */
  cancelDrain(): void {
    this.#isDraining = false;
    this.#grace?.cancel();
    this.wake();
  }

  /** Answers the agent's waiting messages with an error. Its workers stop after the current runs. */
  stop(agent: string, interrupt: boolean): void {
    this.#stopped.set(agent, this.#mailbox.takenSeq);
    const runs = this.#graph.runsOf(agent);
    if (runs.length === 0) this.#workers.end(agent);
    else if (interrupt) for (const run of runs) this.#interruptions.interrupt(run.call, 'agent_stopped');
  }

  /** The message never runs, or its run is interrupted after the grace. */
  cancel(cancel: Pick<CancelMessage, 'messageId' | 'seq' | 'graceMs'>): void {
    this.#cancelled.add(cancel);
    const root = this.#graph.roots.get(cancel.messageId);
    if (root) this.#endInGrace(root);
    else this.wake();
  }

  /** The message was settled, and all up to this seq. */
  settled(messageId: string, upToSeq: number): void {
    if (!this.#graph.roots.has(messageId)) this.#cancelled.forget(messageId);
    this.#cancelled.forgetUpTo(upToSeq);
  }

  /** Reports the live workers to a host that has just connected, which assumes none. */
  reportWorkers(): void {
    if (this.#workers.alive().length > 0 || this.#awake !== undefined) this.#sendWorkers();
  }

  /** So many processes keep the session from idling. */
  keepAwake(processes: number): void {
    this.#awake = processes;
    this.#sendWorkers();
  }

  /** Returns the messages that agents' code is working on. */
  get running(): ReadonlySet<string> {
    return new Set([...this.#graph.roots.values()].flatMap(({ turn }) => (turn.begun ? [turn.messageId] : [])));
  }

  /** Returns the current runs for a host that has just connected. */
  current(): { messageId: string; runId: string; agent: string }[] {
    return [...this.#graph.roots.values()].flatMap(({ turn: { messageId, agent } }) => {
      const { runId, answer } = this.#mailbox.get(messageId) ?? {};
      return runId !== undefined && this.#begun.has(runId) && !answer ? [{ messageId, runId, agent }] : [];
    });
  }

  #sendWorkers(): void {
    this.#host.send({
      kind: 'workers',
      value: { sessionId: this.#deps.sessionId, workers: this.#workers.alive(), keptAwake: 1 + (this.#awake ?? 0) },
    });
  }

  #wasStopped(agent: string, { seq }: Pick<Entry['message'], 'seq'>): boolean {
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

  readonly #isInProgress = (messageId: string): boolean => this.#graph.roots.has(messageId);

  #concurrencyOf(agent: string): number {
    return this.#setup.current?.agents.find(({ name }) => name === agent)?.concurrency || 1;
  }

  #canBegin(agent: string): boolean {
    return this.#graph.canOpen(agent);
  }

  /** An agent that has not got the cancelled message never gets it. */
  #endInGrace(root: Call): void {
    const { turn } = root;
    const end = () => this.#interruptions.interrupt(root, 'cancelled');
    const graceMs = turn.begun ? this.#cancelled.graceLeftMs(turn.messageId) : 0;
    turn.cancelled?.cancel();
    if (graceMs === 0) end();
    else turn.cancelled = this.#deps.clock.after(graceMs, end);
  }

  #work(entry: Entry, run: Run): void {
    this.#finish(entry, run).catch((fault: unknown) => this.#onFault(fault));
  }

  #workOn({ messageId, agent }: Entry['message']): Run {
    const run = this.#graph.open(messageId, agent);
    this.#deps.workers.working?.(true);
    return run;
  }

  async #finish(entry: Entry, run: Run): Promise<void> {
    const { turn } = run.call;
    await this.#answer(entry, run);
    turn.cancelled?.cancel();
    this.#cancelled.forget(turn.messageId);
    this.#onRoom();
    this.#ended(turn.messageId);
  }

  /** Begins what waited for the end of this run. */
  #ended(messageId: string): void {
    const root = this.#graph.roots.get(messageId);
    if (root) this.#graph.end(root);
    this.#runs.beginWaiting();
    this.wake();
    if (this.#graph.roots.size > 0) return;
    this.#deps.workers.working?.(false);
    this.#grace?.cancel();
    for (const resolve of this.#onQuiet.splice(0)) resolve();
  }

  async #answer(entry: Entry, run: Run): Promise<void> {
    const { clock, sessionId } = this.#deps;
    const { messageId } = entry.message;
    const startedAt = clock.monotonic();
    const { end, agent, runId } = await this.#runs.run(entry, run);
    if (entry.runId !== undefined) this.#begun.delete(entry.runId);
    // It was settled meanwhile and perhaps never ran, so nobody waits for it.
    if (this.#mailbox.get(messageId) !== entry) return;
    const answer = answerOf(end, {
      sessionId,
      generation: this.#host.generation,
      messageId,
      runId,
      agent,
      durationMs: Math.round(clock.monotonic() - startedAt),
      hops: withEnds(entry.hops),
    });
    await giveAnswer(this.#mailbox, this.#host, entry, answer, this.#deps);
  }
}

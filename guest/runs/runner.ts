import { isDeepStrictEqual } from 'node:util';
import { JournalFull } from '../../journal/journal.ts';
import type { GuestFrame } from '../../proto/frame.ts';
import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Secrets__Output as Secrets } from '../../proto/generated/raworc/v0/Secrets.ts';
import type { Barriers } from '../../seams/barrier.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { HostSide } from '../host/host-side.ts';
import type { LineShelf } from '../logs/line-store.ts';
import type { Entry, Mailbox } from '../mailbox/mailbox.ts';
import { LiveWorkers } from './live-workers.ts';
import { REASONS, type Reason } from './reasons.ts';
import { FramedOutput } from './run-output.ts';
import { type LimitReached, MAX_REPLY_BYTES, type RunEnd, type Setup, type Worker, type WorkerHost } from './worker-host.ts';

/** A run's limit is counted in these, by a clock that stands still while the session is frozen. */
const TICK_MS = 1000;
const MAX_ERROR_CHARACTERS = 16 * 1024;
/** A limit that is met again and again is said this often. */
const LIMIT_TOLD_EVERY_MS = 60_000;

export interface RunnerDeps {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly barriers: Barriers;
  readonly workers: WorkerHost;
  readonly runLimitMs: number;
  /** Undefined: what agents print is not kept. */
  readonly lines?: LineShelf;
}

/** What is being worked on. Its worker is there once the agent's code has seen the message. */
interface Working {
  readonly messageId: string;
  readonly agent: string;
  worker: Worker | undefined;
  interrupted: boolean;
}

interface Started {
  readonly worker: Worker;
  readonly spec: AgentSpec;
  readonly setup: Setup;
}

const error = (reason: Reason, content: string = REASONS[reason]): RunEnd => ({ outcome: 'error', reason, content });

/** Runs what the mailbox holds, one message at a time in order of seq, and puts the answers there. */
export class Runner {
  readonly #deps: RunnerDeps;
  readonly #mailbox: Mailbox;
  readonly #host: HostSide;
  readonly #workers = new Map<string, Started>();
  #setup: Setup | undefined;
  /** Of the secrets in memory; 0 with none. They are never written anywhere, so each life of the guest begins with none. */
  #secretsVersion = 0;
  /** The newest that this host was asked for. */
  #askedVersion = 0;
  #working: Working | undefined;
  #held = false;
  #grace: Timer | undefined;
  #quiet: (() => void)[] = [];
  #room: () => void = () => undefined;
  #fault: (fault: unknown) => void = () => undefined;
  /** Runs begun by this process; any other that has no answer was cut off. */
  readonly #begun = new Set<string>();
  /** Agents that were stopped: what was taken up to this seq and not begun is not begun any more. */
  readonly #stopped = new Map<string, number>();
  readonly #live: LiveWorkers;
  readonly #lives = new Map<string, { readonly worker: Worker; readonly number: number }>();
  /** When the host was last told that this limit was met. */
  readonly #limitToldMs = new Map<string, number>();

  constructor(deps: RunnerDeps, mailbox: Mailbox, host: HostSide) {
    this.#deps = deps;
    this.#mailbox = mailbox;
    this.#host = host;
    this.#live = new LiveWorkers(deps.clock, () => this.#tellWorkers());
    deps.workers.onLimit?.((what) => this.#limitReached(what));
  }

  /** A disk that fails: the process ends then, and its next start goes on from what is durable. */
  onFault(listener: (fault: unknown) => void): void {
    this.#fault = listener;
  }

  /** There may be room for more messages. */
  onRoom(listener: () => void): void {
    this.#room = listener;
  }

  /** Before the first one nothing runs. A worker whose agent or environment has changed is replaced before its next message. */
  configure(told: Omit<Setup, 'environment'>): void {
    this.#askedVersion = 0;
    this.#setUp({ ...told, environment: this.#setup?.environment ?? {} });
  }

  /** All secrets of the space, as of that version. Older ones than those in memory are passed over. */
  secretsAre({ version, values }: Pick<Secrets, 'version' | 'values'>): void {
    if (!this.#setup || version <= this.#secretsVersion) return;
    this.#secretsVersion = version;
    this.#setUp({ ...this.#setup, environment: values });
  }

  /** The next message waits for newer secrets. */
  get awaitsSecrets(): boolean {
    return this.#askedVersion > this.#secretsVersion;
  }

  #setUp(setup: Setup): void {
    // The same object for the same content, so that each message need not compare.
    if (!isDeepStrictEqual(setup, this.#setup)) this.#setup = setup;
    this.wake();
  }

  /** Something was taken. */
  wake(): void {
    if (!this.#setup || this.#working || this.#held) return;
    this.#work().catch((fault: unknown) => this.#fault(fault));
  }

  /**
   * The id of the run to be written together with this message, which is about to be taken; undefined where the run has to be begun later, since something
   * else runs or waits, or the agent's process has to be started first. With an id the message counts as worked on, until `taken` says what became of it.
   */
  beginTaking(message: Entry['message']): string | undefined {
    const { agent, messageId, secretsVersion } = message;
    if (!this.#setup || this.#working || this.#held || this.#mailbox.backlog().count > 0) return undefined;
    const spec = this.#setup.agents.find((one) => one.name === agent);
    if (!spec || this.#wasStopped(message) || secretsVersion > this.#secretsVersion) return undefined;
    if (this.#kept(spec, this.#setup) === undefined) return undefined;
    const runId = this.#deps.random.uuid();
    this.#begun.add(runId);
    this.#workOn(messageId, agent);
    return runId;
  }

  /** The message is durable, together with the run that `beginTaking` has named; or it was refused, and runs not at all. */
  taken(messageId: string, runId: string): void {
    const entry = this.#mailbox.get(messageId);
    const isBegun = entry?.runId === runId;
    if (!isBegun) this.#begun.delete(runId);
    this.#work(isBegun ? entry : undefined).catch((fault: unknown) => this.#fault(fault));
  }

  /**
   * Begins nothing more. What runs may go on for `graceMs`, is interrupted then, and is answered either way. Resolves when
   * nothing runs; not before the answer is durable. Asked again, the newest grace counts.
   */
  drain(graceMs: number): Promise<void> {
    this.#held = true;
    this.#grace?.cancel();
    if (!this.#working) return Promise.resolve();
    if (graceMs === 0) this.#interrupt();
    else this.#grace = this.#deps.clock.after(graceMs, () => this.#interrupt());
    return new Promise((resolve) => this.#quiet.push(resolve));
  }

  /** A drain is taken back. What it interrupted stays so. */
  goOn(): void {
    this.#held = false;
    this.#grace?.cancel();
    this.wake();
  }

  /** What this agent was asked and has not begun gets an error, and its worker is ended: after the run that is under way, or with it. */
  stop(agent: string, interrupt: boolean): void {
    this.#stopped.set(agent, this.#mailbox.takenSeq);
    if (this.#working?.agent !== agent) this.#endWorker(agent);
    else if (interrupt) this.#interrupt();
  }

  /** Which workers live, to a host that has just come and knows of none. */
  sayWorkers(): void {
    if (this.#live.all().length > 0) this.#tellWorkers();
  }

  #tellWorkers(): void {
    this.#host.tell({ kind: 'workers', value: { sessionId: this.#deps.sessionId, workers: this.#live.all() } });
  }

  #limitReached({ limit, value, agent }: LimitReached): void {
    const { clock, log, sessionId } = this.#deps;
    const now = clock.monotonic();
    if (now - (this.#limitToldMs.get(limit) ?? Number.NEGATIVE_INFINITY) < LIMIT_TOLD_EVERY_MS) return;
    this.#limitToldMs.set(limit, now);
    log.warn('session.limit-reached', { session: sessionId, limit, value, agent });
    this.#host.tell({ kind: 'limitReached', value: { sessionId, limit, value, agent } });
  }

  #endWorker(agent: string): void {
    this.#workers.get(agent)?.worker.kill();
    this.#workers.delete(agent);
  }

  #wasStopped({ agent, seq }: Entry['message']): boolean {
    return seq <= (this.#stopped.get(agent) ?? 0);
  }

  /** Whether it names newer ones than are in memory. They are asked for, and the host asks on until it has them. */
  #lacksSecrets({ message: { secretsVersion: version } }: Entry): boolean {
    if (version <= this.#secretsVersion) return false;
    if (version <= this.#askedVersion) return true;
    this.#askedVersion = version;
    this.#host.tell({
      kind: 'secretsRequest',
      value: { sessionId: this.#deps.sessionId, generation: this.#host.generation, version },
    });
    this.#room();
    return true;
  }

  #interrupt(): void {
    if (!this.#working) return;
    this.#working.interrupted = true;
    this.#working.worker?.interrupt();
  }

  /** The message that an agent's code has seen and works on. */
  get running(): string | undefined {
    return this.#working?.worker && this.#working.messageId;
  }

  /** The run that is under way, for a host that has just come. */
  current(): { messageId: string; runId: string; agent: string } | undefined {
    const entry = this.#mailbox.next();
    if (!entry?.runId || !this.#begun.has(entry.runId)) return undefined;
    return { messageId: entry.message.messageId, runId: entry.runId, agent: entry.message.agent };
  }

  /** First what was begun as it was taken, then whatever waits. */
  async #work(begun?: Entry): Promise<void> {
    if (begun && this.#working) await this.#finish(begun, this.#working);
    for (let entry = this.#mailbox.next(); entry && !this.#held; entry = this.#mailbox.next()) {
      if (this.#lacksSecrets(entry)) break;
      await this.#finish(entry, this.#workOn(entry.message.messageId, entry.message.agent));
    }
    this.#working = undefined;
    this.#deps.workers.working?.(false);
    this.#grace?.cancel();
    for (const resolve of this.#quiet.splice(0)) resolve();
  }

  #workOn(messageId: string, agent: string): Working {
    this.#working = { messageId, agent, worker: undefined, interrupted: false };
    this.#deps.workers.working?.(true);
    return this.#working;
  }

  async #finish(entry: Entry, working: Working): Promise<void> {
    await this.#answer(entry, working);
    if (this.#wasStopped(entry.message)) this.#endWorker(working.agent);
    this.#room();
  }

  async #answer(entry: Entry, working: Working): Promise<void> {
    const { clock, log, barriers, sessionId } = this.#deps;
    const { message } = entry;
    const startedAt = clock.monotonic();
    const end = await this.#run(entry, working);
    if (entry.runId !== undefined) this.#begun.delete(entry.runId);
    // Settled meanwhile, and perhaps never run: nobody waits for it.
    if (this.#mailbox.get(message.messageId) !== entry) return;
    // Half a surrogate pair is no character and does not travel.
    const content = end.content.toWellFormed();
    const answer: Answer = {
      ...{ sessionId, generation: this.#host.generation, messageId: message.messageId },
      ...{ runId: entry.runId ?? '', agent: message.agent, durationMs: Math.round(clock.monotonic() - startedAt) },
      ...(end.outcome === 'reply'
        ? { outcome: 'REPLY', content, reason: '' }
        : { outcome: 'ERROR', content: content.slice(0, MAX_ERROR_CHARACTERS), reason: end.reason }),
    };
    await barriers.reach('guest.before-answer');
    await this.#mailbox.answer(entry, answer).catch((fault: unknown) => {
      if (!(fault instanceof JournalFull)) throw fault;
      return this.#mailbox.answer(entry, { ...answer, outcome: 'ERROR', content: REASONS.disk_full, reason: 'disk_full' });
    });
    await barriers.reach('guest.answered');
    this.#host.sendAnswers();
    // Writing to the log takes its time: the answer leaves first.
    clock.soon(() =>
      log.info('run.ended', {
        ...{ session: sessionId, message: message.messageId, run: answer.runId, agent: message.agent },
        ...{ reason: answer.reason || undefined, durationMs: answer.durationMs },
      }),
    );
  }

  async #run(entry: Entry, working: Working): Promise<RunEnd> {
    const { clock, random, barriers, sessionId } = this.#deps;
    const { messageId, agent, content, contextJson } = entry.message;
    const setup = this.#setup;
    const spec = setup?.agents.find((one) => one.name === agent);
    if (entry.runId !== undefined && !this.#begun.has(entry.runId) && !spec?.idempotent) {
      return error('agent_died', 'The session was restarted while the agent worked on this message.');
    }
    if (this.#wasStopped(entry.message)) return error('agent_stopped');
    if (!setup || !spec) return error('agent_unknown');
    const room = this.#kept(spec, setup) ? undefined : this.#deps.workers.makeRoom?.();
    if (room !== undefined) await room;
    // Started while the disk syncs. It sees the message only afterwards.
    const worker = this.#worker(spec, setup);
    const begun = entry.runId !== undefined && this.#begun.has(entry.runId) ? entry.runId : undefined;
    const runId = begun ?? random.uuid();
    const run = { sessionId, messageId, runId, agent };
    if (begun === undefined) {
      try {
        await this.#mailbox.begin(entry, runId);
      } catch (fault) {
        if (fault instanceof JournalFull) return error('disk_full');
        throw fault;
      }
      this.#begun.add(runId);
    }
    this.#host.tell({ kind: 'runStarted', value: { ...run, generation: this.#host.generation } });
    await barriers.reach('guest.run-started');
    const offer = (frame: GuestFrame) => this.#host.offer(frame);
    const output = new FramedOutput(run, clock, offer, (line) => this.#deps.lines?.keep(line));
    const cutOff = () => error(this.#wasStopped(entry.message) ? 'agent_stopped' : 'interrupted');
    const limit = this.#limit(worker);
    try {
      if (working.interrupted || this.#mailbox.get(messageId) !== entry) return cutOff();
      working.worker = worker;
      this.#live.begun(agent, worker);
      const lives = { session_life: this.#mailbox.life, worker_life: this.#lifeOf(agent, worker) };
      const end = await worker.run({ runId, message: content, contextJson: withFields(contextJson, lives) }, output);
      working.worker = undefined;
      output.flush();
      if (working.interrupted && end.outcome === 'error' && end.reason === 'agent_died') return cutOff();
      if (limit.reached) return error('agent_timeout', `No answer within ${Math.round(this.#deps.runLimitMs / 1000)} s.`);
      if (end.outcome === 'reply' && Buffer.byteLength(end.content) > MAX_REPLY_BYTES) return error('reply_too_large');
      return end;
    } finally {
      limit.cancel();
      if (worker.ended === undefined) this.#live.over(agent, worker);
    }
  }

  /** The agent's process, where it lives on between runs and is as it would be started now. */
  #kept(spec: AgentSpec, setup: Setup): Worker | undefined {
    const worker = this.#usable(spec, setup);
    return worker?.ended === undefined ? undefined : worker;
  }

  #usable(spec: AgentSpec, setup: Setup): Worker | undefined {
    const started = this.#workers.get(spec.name);
    return started?.worker.alive && (started.setup === setup || sameFor(spec, started, setup)) ? started.worker : undefined;
  }

  #worker(spec: AgentSpec, setup: Setup): Worker {
    const usable = this.#usable(spec, setup);
    if (usable) return usable;
    this.#workers.get(spec.name)?.worker.kill();
    const worker = this.#deps.workers.start(spec, setup);
    this.#workers.set(spec.name, { worker, spec, setup });
    if (worker.ended !== undefined) this.#live.begun(spec.name, worker);
    void worker.ended?.then(() => this.#live.over(spec.name, worker));
    return worker;
  }

  /** Which process of this agent it is in this life of the session, from 1. One that is made anew for each run is another each time. */
  #lifeOf(agent: string, worker: Worker): number {
    const last = this.#lives.get(agent);
    if (last?.worker === worker && worker.ended !== undefined) return last.number;
    const number = (last?.number ?? 0) + 1;
    this.#lives.set(agent, { worker, number });
    return number;
  }

  /** Kills the worker when its time is up. Ticks that come late count as one, so a frozen session loses nothing. */
  #limit(worker: Worker): { readonly reached: boolean; cancel(): void } {
    const { clock, runLimitMs } = this.#deps;
    let ticks = Math.ceil(runLimitMs / TICK_MS);
    let timer: Timer;
    const tick = () => {
      ticks -= 1;
      if (ticks <= 0) worker.interrupt();
      else timer = clock.after(TICK_MS, tick);
    };
    timer = clock.after(TICK_MS, tick);
    return {
      get reached() {
        return ticks <= 0;
      },
      cancel: () => timer.cancel(),
    };
  }
}

/** The JSON object with these fields before its own. What is no object is left as it is. */
function withFields(json: string, fields: Readonly<Record<string, number>>): string {
  const rest = /^\s*\{\s*/.exec(json)?.[0];
  if (rest === undefined) return json;
  const own = json.slice(rest.length);
  return `${JSON.stringify(fields).slice(0, -1)}${own.startsWith('}') ? '' : ','}${own}`;
}

/** Whether a worker that was started with an earlier setup would be started just so now. */
function sameFor(spec: AgentSpec, started: Started, setup: Setup): boolean {
  return (
    isDeepStrictEqual(spec, started.spec) &&
    setup.space === started.setup.space &&
    isDeepStrictEqual(setup.environment, started.setup.environment)
  );
}

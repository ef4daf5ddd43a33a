import type { HostFrame } from '../proto/frame.ts';
import type { GuestWelcome__Output as Welcome } from '../proto/generated/raworc/guest/v0/GuestWelcome.ts';
import type { Deliver__Output as Deliver } from '../proto/generated/raworc/v0/Deliver.ts';
import type { Settled__Output as Settled } from '../proto/generated/raworc/v0/Settled.ts';
import { LOGS } from '../proto/streams/log-stream.ts';
import { GUEST_PROTOCOL_VERSION } from '../proto/versions.ts';
import { pause } from '../seams/clock.ts';
import type { Disk } from '../seams/disk.ts';
import type { HostDialer, HostLink } from './host/dialer.ts';
import { HostSide } from './host/host-side.ts';
import { Intake } from './mailbox/intake.ts';
import { Mailbox } from './mailbox/mailbox.ts';
import { Runner } from './runs/runner.ts';
import type { RunnerDeps } from './runs/runner-deps.ts';
import { GuestStreams } from './streams/guest-streams.ts';
import { logStream } from './streams/logs.ts';
import type { StreamKinds, StreamRelay } from './streams/stream-kinds.ts';

const RETRY_MS = 20;
const RETRY_MAX_MS = 500;
const WELCOME_WITHIN_MS = 10_000;
export interface GuestDeps extends Omit<RunnerDeps, 'runLimitMs'> {
  readonly disk: Disk;
  readonly dialer: HostDialer;
  readonly version: string;
  /** The directory of the mailbox: /session/.raworc. */
  readonly directory: string;
  readonly mailboxBytes?: number;
  /** Default 300 s. */
  readonly runLimitMs?: number;
  /** Kinds of byte streams other than logs. */
  readonly streams?: StreamKinds;
  /** Kinds that another process of the session serves. */
  readonly relays?: Readonly<Record<string, StreamRelay>>;
}

/**
 * The guest of one session.
 *
 * 1. `run` keeps reconnecting. On each connection it sends a hello, and after the welcome everything
 *    that is outstanding.
 * 2. A message is made durable, then acknowledged. A repeated message is only acknowledged. A
 *    message that overtook another is ignored, because the controller sends it again. A message
 *    that can run at once is stored and started in one write.
 * 3. Messages run even without a connection; their answers wait.
 * 4. While it drains, the guest accepts and starts nothing. It sends `drained` once nothing runs
 *    and everything else was sent. A welcome without a drain cancels the drain.
 * 5. A message that has not started is dropped as soon as the host says that nobody waits for its
 *    answer.
 * 6. A cancelled message is answered in its turn without a run. A run in progress is interrupted
 *    after the grace.
 * 7. A message that needs newer secrets than those in memory waits until the host has sent them.
 * 8. `run` throws when the host names another session or the disk fails. After any end, the next
 *    start continues from the journal.
 */
export class Guest {
  readonly #deps: GuestDeps;
  readonly #mailbox: Mailbox;
  readonly #host: HostSide;
  readonly #runner: Runner;
  readonly #streams: GuestStreams;
  readonly #ending = new AbortController();
  readonly #intake: Intake;
  #drain: object | undefined;
  #fault: unknown;

  private constructor(deps: GuestDeps, mailbox: Mailbox) {
    this.#deps = deps;
    this.#mailbox = mailbox;
    this.#host = new HostSide(() => this.#answers());
    this.#runner = new Runner({ ...deps, runLimitMs: deps.runLimitMs ?? 300_000 }, mailbox, this.#host);
    this.#runner.onFault((fault) => this.#fail(fault));
    this.#intake = new Intake({
      sessionId: deps.sessionId,
      barriers: deps.barriers,
      mailbox,
      host: this.#host,
      runner: this.#runner,
      onFault: (fault) => this.#fail(fault),
    });
    const { sessionId, log, dialer, lines } = deps;
    const kinds = { ...(lines === undefined ? {} : { [LOGS]: logStream(lines) }), ...deps.streams };
    this.#streams = new GuestStreams({
      sessionId,
      clock: deps.clock,
      log,
      kinds,
      relays: deps.relays,
      connect: () => dialer.stream?.() ?? Promise.reject(new Error('this guest cannot open byte streams')),
      refuse: (value) => this.#host.send({ kind: 'streamRefused', value }),
    });
  }

  static async open(deps: GuestDeps): Promise<Guest> {
    const { disk, directory, sessionId, mailboxBytes, log } = deps;
    const allocation = mailboxBytes === undefined ? {} : { allocateBytes: mailboxBytes };
    const mailbox = await Mailbox.open({ disk, directory, sessionId, ...allocation });
    if (mailbox.wiped) log.warn('mailbox.wiped', { session: sessionId });
    return new Guest(deps, mailbox);
  }

  get syncs(): number {
    return this.#mailbox.syncs;
  }

  /** Returns the number of byte streams that are open or being opened. */
  get openStreams(): number {
    return this.#streams.open;
  }

  /** Runs until it is stopped. Throws what ended it otherwise. */
  async run(): Promise<void> {
    const { clock, random, dialer } = this.#deps;
    const signal = this.#ending.signal;
    let retryMs = RETRY_MS;
    while (!signal.aborted) {
      const link = await dialer.connect().catch(() => undefined);
      if (link && (await this.#serve(link))) retryMs = RETRY_MS;
      if (signal.aborted) break;
      const waited = new AbortController();
      const either = AbortSignal.any([signal, waited.signal]);
      await Promise.race([pause(clock, retryMs * (0.5 + random.fraction() / 2), either), dialer.opened(either)]);
      waited.abort();
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    }
    this.#streams.close();
    await this.#mailbox.close();
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Sets how many processes keep the session awake. Tells the host now and whenever it reconnects. */
  keepAwake(processes: number): void {
    this.#runner.keepAwake(processes);
  }

  stop(): void {
    this.#ending.abort();
  }

  /** Resolves at the end of the link to whether the host welcomed it. */
  #serve(link: HostLink): Promise<boolean> {
    const { clock, log, sessionId, version } = this.#deps;
    return new Promise((resolve) => {
      let welcomed = false;
      const timer = clock.after(WELCOME_WITHIN_MS, () => link.close(new Error('the node agent sent no welcome in time')));
      const end = () => link.close();
      const resume = () => this.#intake.isFull || link.resume();
      this.#ending.signal.addEventListener('abort', end);
      this.#runner.onRoom(resume);
      link.onMessage((frame) => {
        if (frame.kind === 'welcome') {
          timer.cancel();
          welcomed = this.#welcomed(link, frame.value);
        } else if (!welcomed) link.close(new Error('the node agent sent a frame before its welcome'));
        else this.#receive(link, frame);
      });
      link.onDrain(() => this.#host.drained());
      link.onClose((fault) => {
        timer.cancel();
        this.#ending.signal.removeEventListener('abort', end);
        this.#host.lost(link);
        log.info('host.lost', { session: sessionId, error: fault?.message });
        resolve(welcomed);
      });
      const value = {
        protocolVersion: GUEST_PROTOCOL_VERSION,
        guestVersion: version,
        sessionId,
        acceptedSeq: this.#mailbox.acceptedSeq,
        unsettled: this.#answers().length,
        streams: true,
        cancels: true,
        life: this.#mailbox.life,
      };
      link.send({ kind: 'hello', value });
    });
  }

  #welcomed(link: HostLink, welcome: Welcome): boolean {
    const { sessionId, log } = this.#deps;
    const { protocolVersion, generation, agents } = welcome;
    if (welcome.sessionId !== sessionId) {
      this.#fail(new Error(`the node agent named session ${welcome.sessionId} in its welcome`));
      return false;
    }
    if (protocolVersion !== GUEST_PROTOCOL_VERSION) {
      link.close(new Error(`the node agent speaks protocol version ${protocolVersion}, which this guest does not`));
      return false;
    }
    log.info('host.connected', { session: sessionId, generation, agents: agents.length });
    this.#host.welcomed(link, generation);
    this.#mailbox.settleUpTo(welcome.settledSeq, this.#runner.running);
    for (const cancel of welcome.cancelled) this.#runner.cancel(cancel);
    if (welcome.drain === null) this.#cancelDrain();
    else this.#drainWithin(welcome.drain.graceMs);
    for (const run of this.#runner.current()) this.#host.send({ kind: 'runStarted', value: { sessionId, generation, ...run, hop: null } });
    this.#host.sendAnswers();
    this.#runner.reportWorkers();
    this.#runner.configure({ space: welcome.space, agents }, welcome.startWorkers);
    return true;
  }

  #receive(link: HostLink, frame: Exclude<HostFrame, { kind: 'welcome' }>): void {
    switch (frame.kind) {
      case 'deliver':
        this.#deliver(link, frame.value);
        break;
      case 'drain':
        this.#drainWithin(frame.value.graceMs);
        break;
      case 'settled':
        this.#settled(frame.value);
        break;
      case 'secrets':
        if (frame.value.sessionId !== this.#deps.sessionId)
          link.close(new Error(`the node agent sent secrets of session ${frame.value.sessionId}`));
        else this.#runner.updateSecrets(frame.value);
        break;
      case 'stopAgent':
        this.#runner.stop(frame.value.agent, frame.value.interrupt);
        break;
      case 'cancelMessage':
        this.#runner.cancel(frame.value);
        break;
      case 'openStream':
        if (frame.value.sessionId !== this.#deps.sessionId)
          link.close(new Error(`the node agent requested a stream of session ${frame.value.sessionId}`));
        else this.#streams.start(frame.value);
        break;
      default:
        frame satisfies never;
    }
  }

  #deliver(link: HostLink, message: Deliver): void {
    if (message.sessionId !== this.#deps.sessionId)
      return link.close(new Error(`the node agent sent a message of session ${message.sessionId}`));
    // The controller sends both again, in order. If this one were accepted now, the earlier one
    // would later look like a repetition.
    if (this.#drain !== undefined || this.#mailbox.isEarly(message)) return;
    this.#intake.deliver(link, message);
  }

  #settled({ messageId, upToSeq }: Settled): void {
    this.#runner.settled(messageId, upToSeq);
    if (messageId !== '') {
      this.#host.settled(messageId);
      this.#mailbox.settle(messageId);
    }
    if (upToSeq === 0) return;
    this.#mailbox.settleUpTo(upToSeq, this.#runner.running);
    // Answers can have waited behind a message that was just dropped.
    this.#host.sendAnswers();
  }

  #drainWithin(graceMs: number): void {
    const drain = {};
    this.#drain = drain;
    void Promise.all([this.#runner.drain(graceMs), this.#intake.settled()]).then(() => {
      if (this.#drain !== drain) return;
      this.#deps.log.info('session.drained', { session: this.#deps.sessionId });
      this.#host.sendLast({ kind: 'drained', value: { acceptedSeq: this.#mailbox.acceptedSeq } });
    });
  }

  #cancelDrain(): void {
    if (this.#drain === undefined) return;
    this.#drain = undefined;
    this.#host.sendLast(undefined);
    this.#runner.cancelDrain();
  }

  #answers() {
    return this.#mailbox.answers((agent) => this.#runner.isConcurrent(agent));
  }

  #fail(fault: unknown): void {
    this.#fault ??= fault;
    this.#ending.abort();
  }
}

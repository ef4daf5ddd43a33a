import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import { guestBeyondBounds } from '../../proto/frame-bounds.ts';
import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { OpenStream__Output as OpenStream } from '../../proto/generated/raworc/v0/OpenStream.ts';
import type { Secrets__Output as Secrets } from '../../proto/generated/raworc/v0/Secrets.ts';
import type { Settled__Output as Settled } from '../../proto/generated/raworc/v0/Settled.ts';
import type { StopAgent__Output as StopAgent } from '../../proto/generated/raworc/v0/StopAgent.ts';
import { type Counter, silentMetrics } from '../../seams/metrics.ts';
import { WorkerNews } from '../control/worker-news.ts';
import type { Assignment } from '../domain/session.ts';
import { AnswerSender } from './answer-sender.ts';
import { Backpressure } from './backpressure.ts';
import { Cancellations } from './cancellations.ts';
import { type Greeting, Handshake, welcome } from './handshake.ts';
import { LimitReports } from './limit-reports.ts';
import type { GuestLink } from './listener.ts';
import type { RelayDeps } from './relay-deps.ts';
import { RelayedSession } from './relayed-session.ts';
import { SecretRequests } from './secret-requests.ts';

/**
 * Relays between guests and the controller. Each guest frame gets its session and generation here,
 * so a guest cannot speak for another session. Answers are kept until the controller settles them;
 * guest and controller repeat everything else. Secrets are never stored.
 */
export class Relay {
  readonly #deps: RelayDeps;
  readonly #sessions = new Map<string, RelayedSession>();
  readonly #backpressure: Backpressure;
  readonly #secretRequests: SecretRequests;
  readonly #workers: WorkerNews;
  readonly #limits: LimitReports;
  readonly #cancellations = new Cancellations();
  readonly #answers: AnswerSender;
  readonly #dropped: Counter;
  readonly #rests: Counter;

  constructor(deps: RelayDeps) {
    this.#deps = deps;
    const { outbox, clock, metrics = silentMetrics } = deps;
    this.#workers = new WorkerNews(outbox);
    this.#limits = new LimitReports(deps);
    this.#answers = new AnswerSender(outbox, (sessionId) => deps.assignment(sessionId)?.generation);
    this.#secretRequests = new SecretRequests(clock, (sessionId, version) => {
      const generation = deps.assignment(sessionId)?.generation ?? 0;
      outbox.keep(`secrets:${sessionId}`, { kind: 'secretsRequest', value: { sessionId, generation, version } });
    });
    this.#dropped = metrics.counter({
      name: 'relay_messages_let_go_total',
      help: 'Messages that a guest did not read in time and that the controller sends again.',
    });
    this.#rests = metrics.counter({ name: 'relay_guest_rests_total', help: 'Times that a guest was paused because it sent too much.' });
    this.#backpressure = new Backpressure(outbox, metrics, () => this.#answers.proceed());
  }

  isConnected(sessionId: string): boolean {
    return this.#sessions.get(sessionId)?.link !== undefined;
  }

  /** What its guest last reported about itself. */
  guestState(sessionId: string): Pick<RelayedSession, 'acceptedSeq' | 'life'> {
    return this.#sessions.get(sessionId) ?? { acceptedSeq: 0, life: 0 };
  }

  /** Takes over a new connection of this session's guest. The newest one counts. */
  guest(sessionId: string, link: GuestLink): void {
    const session = this.#session(sessionId);
    const { log } = this.#deps;
    const handshake = new Handshake(sessionId, link, this.#deps);
    link.onMessage((frame) => {
      const fault = guestBeyondBounds(frame);
      if (fault !== undefined) return link.close(new Error(`the guest sent an invalid frame: ${fault}`));
      if (session.link === link) return this.#received(sessionId, session, link, frame);
      const greeting = handshake.greeting(frame);
      if (greeting === undefined) return;
      this.#welcome(session, link, greeting);
      log.info('guest.connected', { session: sessionId, version: greeting.hello.guestVersion });
      this.#flush(sessionId, session);
      this.#deps.guestChanged(sessionId);
    });
    link.onDrain(() => {
      if (session.link === link) this.#flush(sessionId, session);
    });
    link.onClose((fault) => {
      handshake.close();
      if (fault !== undefined) log.info('guest.lost', { session: sessionId, error: fault.message });
      if (session.link !== link) return;
      session.disconnect();
      this.#workers.gone(sessionId);
      this.#secretRequests.forget(sessionId);
      this.#deps.guestChanged(sessionId);
    });
  }

  deliver(message: Deliver): void {
    const { sessionId } = message;
    const assignment = this.#deps.assignment(sessionId);
    if (assignment === undefined || assignment.desired === 'failed') return;
    const session = this.#session(sessionId);
    if (!session.queue.deliver(message, session.link)) this.#dropped.add();
  }

  /** The controller has taken in a session that it did not know. */
  adopted(sessionId: string): void {
    this.#workers.repeat(sessionId);
  }

  settled(settled: Settled): void {
    if (settled.upToSeq > 0) this.settledUpTo(settled.sessionId, settled.upToSeq);
    if (settled.messageId === '') return;
    this.#cancellations.settle(settled.sessionId, settled.messageId);
    const session = this.#sessions.get(settled.sessionId);
    session?.answers.settle(settled.messageId);
    // If the guest's link is full, the guest repeats its answer when it reconnects.
    session?.link?.send({ kind: 'settled', value: settled });
  }

  /**
   * Tells the current or next guest to start no message up to this number: none awaits an answer.
   */
  settledUpTo(sessionId: string, seq: number): void {
    this.#cancellations.settleUpTo(sessionId, seq);
    const assignment = this.#deps.assignment(sessionId);
    if (assignment === undefined || seq <= (this.#sessions.get(sessionId)?.settledSeq ?? assignment.settledSeq)) return;
    const session = this.#session(sessionId);
    session.settledSeq = seq;
    session.queue.dropSettled(seq);
    this.#requestDropped(sessionId, session);
    // If the guest's link is full, the guest gets it with its next welcome.
    session.link?.send({ kind: 'settled', value: { sessionId, messageId: '', upToSeq: seq } });
  }

  /** Tells the current and each later guest that the message was cancelled. */
  cancelMessage(cancel: CancelMessage): void {
    this.#cancellations.add(cancel);
    const session = this.#sessions.get(cancel.sessionId);
    if (session?.takesCancels === true && session.link !== undefined) session.queue.cancel(cancel, session.link);
  }

  /** Stops the agent in all sessions of the space, or in one. Later guests get it from the controller. */
  stopAgent(stop: StopAgent): void {
    for (const [sessionId, session] of this.#sessions) {
      if (stop.sessionId !== '' && stop.sessionId !== sessionId) continue;
      if (this.#deps.assignment(sessionId)?.spec.spaceId !== stop.spaceId) continue;
      session.queue.stopAgent(stop, session.link);
      this.#requestDropped(sessionId, session);
    }
  }

  /** Asks the guest to open a byte stream. Returns false if it is absent or cannot. */
  openStream(open: OpenStream): boolean {
    const session = this.#sessions.get(open.sessionId);
    return session?.takesStreams === true && session.link?.send({ kind: 'openStream', value: open }) === true;
  }

  /** Sends secrets to the guest that requested them, and nowhere else. */
  secrets(secrets: Secrets): void {
    const { sessionId, version } = secrets;
    if (!this.#secretRequests.answered(sessionId, version)) return;
    const link = this.#sessions.get(sessionId)?.link;
    if (link?.send({ kind: 'secrets', value: secrets }) === false) this.#secretRequests.missed(sessionId, version);
  }

  /** Returns whether its guest must drain, perhaps because of an outdated ledger. */
  isDraining(sessionId: string): boolean {
    return this.#sessions.get(sessionId)?.queue.isDraining === true;
  }

  /** Tells the guest, now or when it connects, to accept no more messages and to finish within the grace period. */
  startDrain(sessionId: string, graceMs: number): void {
    const session = this.#session(sessionId);
    const nowMs = this.#deps.clock.monotonic();
    session.queue.startDrain(nowMs + graceMs);
    if (session.link !== undefined) session.queue.flush(session.link, nowMs);
  }

  endDrain(sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    session.queue.endDrain();
    const assignment = this.#deps.assignment(sessionId);
    if (session.link === undefined || assignment === undefined) return;
    if (session.link.send(this.#welcomeOf(session, assignment, undefined))) this.#requestDropped(sessionId, session);
    else session.link.close(new Error('the guest does not read its welcome'));
  }

  /**
   * A new stream has started. Nothing is repeated before `resend`, so that no new answer overtakes
   * an old one.
   */
  hold(): void {
    this.#answers.hold();
    this.#secretRequests.hold();
  }

  /** Repeats what the new stream can lack, once the controller has sent all assignments. */
  resend(): void {
    this.#answers.resend([...this.#sessions].map(([sessionId, { answers }]) => [sessionId, answers] as const));
    this.#secretRequests.resend();
    this.#workers.resend();
  }

  /** The session's container, or the session itself, is gone for good. */
  forget(sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    this.#sessions.delete(sessionId);
    this.#answers.forget(sessionId);
    this.#limits.forget(sessionId);
    this.#secretRequests.forget(sessionId);
    this.#workers.gone(sessionId);
    session.close();
  }

  close(): void {
    for (const sessionId of [...this.#sessions.keys()]) this.forget(sessionId);
  }

  #welcome(session: RelayedSession, link: GuestLink, { hello, assignment }: Greeting): void {
    const nowMs = this.#deps.clock.monotonic();
    session.connect(link);
    session.acceptedSeq = hello.acceptedSeq;
    session.life = hello.life;
    session.takesStreams = hello.streams;
    session.takesCancels = hello.cancels;
    session.settledSeq = Math.max(session.settledSeq, assignment.settledSeq);
    // Until the controller has sent assignments, the drain can be outdated. The guest still accepts
    // no new work.
    if (assignment.desired === 'suspended' && !session.queue.isDraining) session.queue.startDrain(nowMs + assignment.graceMs);
    link.send(this.#welcomeOf(session, assignment, session.queue.graceLeftMs(nowMs)));
    session.queue.drainSent();
    session.gate.attach(link);
  }

  #welcomeOf({ settledSeq }: RelayedSession, assignment: Assignment, graceMs: number | undefined): HostFrame {
    return welcome(assignment, { settledSeq, graceMs, cancelled: this.#cancellations.of(assignment.sessionId) });
  }

  #received(sessionId: string, session: RelayedSession, link: GuestLink, frame: GuestFrame): void {
    if (session.charge(frame)) this.#rests.add();
    const generation = this.#deps.assignment(sessionId)?.generation;
    if (generation === undefined) return;
    const { outbox } = this.#deps;
    this.#backpressure.check(session.gate);
    switch (frame.kind) {
      case 'hello':
        return link.close(new Error('the guest sent a second hello'));
      case 'accepted': {
        session.accepted(frame.value.seq);
        const value = { ...frame.value, sessionId, generation };
        return outbox.keep(`accepted:${sessionId}:${value.messageId}`, { kind: 'accepted', value });
      }
      case 'runStarted': {
        const value = { ...frame.value, sessionId, generation };
        return outbox.keep(`run:${sessionId}:${value.messageId}`, { kind: 'runStarted', value });
      }
      case 'answer': {
        const answer = { ...frame.value, sessionId, generation };
        session.answers.keep(answer);
        return this.#answers.send(answer);
      }
      case 'drained':
        session.accepted(frame.value.acceptedSeq);
        if (session.queue.isDraining) this.#deps.drained(sessionId);
        return;
      case 'secretsRequest':
        return this.#secretRequests.want(sessionId, frame.value.version);
      case 'workers':
        return this.#workers.told({ ...frame.value, sessionId });
      case 'streamRefused':
        return this.#deps.streamRefused?.(sessionId, frame.value);
      case 'limitReached':
        return this.#limits.report({ ...frame.value, sessionId });
      case 'delta':
        return void outbox.pass({ kind: 'delta', value: { ...frame.value, sessionId } });
      case 'log': // from a guest that started before byte streams existed
        return;
      default:
        frame satisfies never;
    }
  }

  #flush(sessionId: string, session: RelayedSession): void {
    if (session.link !== undefined) session.queue.flush(session.link, this.#deps.clock.monotonic());
    this.#requestDropped(sessionId, session);
  }

  #requestDropped(sessionId: string, session: RelayedSession): void {
    if (session.queue.takeIncomplete()) this.#deps.messagesLost(sessionId);
  }

  #session(sessionId: string): RelayedSession {
    const session = this.#sessions.get(sessionId) ?? new RelayedSession(this.#backpressure, this.#deps.clock);
    this.#sessions.set(sessionId, session);
    return session;
  }
}

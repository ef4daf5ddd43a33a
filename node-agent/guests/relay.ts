import type { GuestFrame } from '../../proto/frame.ts';
import { guestBeyondBounds } from '../../proto/frame-bounds.ts';
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { LimitReached__Output as LimitReached } from '../../proto/generated/raworc/v0/LimitReached.ts';
import type { ReadLines__Output as ReadLines } from '../../proto/generated/raworc/v0/ReadLines.ts';
import type { Secrets__Output as Secrets } from '../../proto/generated/raworc/v0/Secrets.ts';
import type { Settled__Output as Settled } from '../../proto/generated/raworc/v0/Settled.ts';
import type { StopAgent__Output as StopAgent } from '../../proto/generated/raworc/v0/StopAgent.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import type { Outbox } from '../control/outbox.ts';
import { WorkerNews } from '../control/worker-news.ts';
import type { Assignment } from '../domain/session.ts';
import type { GuestLink } from './listener.ts';
import { RelayBudget } from './relay-budget.ts';
import { type Guest, isFull, letGo, newSession, type Session, sayStops, sizeOf, takesAnother } from './relayed-session.ts';
import { SecretRequests } from './secret-requests.ts';
import { helloRefusal, welcome } from './welcome.ts';

const HELLO_WITHIN_MS = 10_000;
const LIMIT_TOLD_EVERY_MS = 60_000;

export interface RelayOutside {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Undefined when this session is not assigned (any more). */
  assignment(sessionId: string): Assignment | undefined;
  /** Its guest came or went. */
  guestChanged(sessionId: string): void;
  /** Its guest has finished, as it was asked to. */
  drained(sessionId: string): void;
  /** Messages were let go that the controller must send again: its guest is reported anew. */
  messagesLost(sessionId: string): void;
}

/**
 * Between guests and the controller. What a guest says is stamped with its own session and the generation assigned now, so it can speak of no other.
 * Answers are kept until the controller has settled them; all else the two ends say again when they must. Secrets pass through, and leave no trace.
 */
export class Relay {
  readonly #outside: RelayOutside;
  readonly #sessions = new Map<string, Session>();
  readonly #secretRequests: SecretRequests;
  readonly #workers: WorkerNews;
  readonly #limits: Counter<'limit'>;
  readonly #budget = new RelayBudget();
  readonly #refused: Counter;
  readonly #rested: Counter;
  /** Guests that are not read from while too much waits for the controller. */
  readonly #crowdedOut = new Set<Session>();
  /** Sessions whose answers are still to be said on this stream. */
  readonly #unsaid = new Map<string, Session>();
  #holding = false;

  constructor(outside: RelayOutside) {
    this.#outside = outside;
    this.#workers = new WorkerNews(outside.outbox);
    const { metrics = silentMetrics } = outside;
    this.#refused = metrics.counter({
      name: 'relay_messages_let_go_total',
      help: 'Messages that a guest did not read in time and that the controller sends again.',
    });
    this.#rested = metrics.counter({ name: 'relay_guest_rests_total', help: 'Times that a guest was not read because it said too much.' });
    metrics.gauge({ name: 'relay_held_characters', help: 'Messages held for guests.', read: () => this.#budget.held });
    metrics.gauge({ name: 'relay_answer_characters', help: 'Answers that are not settled.', read: () => this.#budget.answers });
    const help = 'Sessions whose agents met a limit of their container, at most once a minute each';
    this.#limits = (outside.metrics ?? silentMetrics).counter({ name: 'session_limits_reached_total', help, labels: ['limit'] });
    outside.outbox.onRoom(() => {
      this.#sayAnswers();
      this.#readOn();
    });
    this.#secretRequests = new SecretRequests(outside.clock, (sessionId, version) => this.#askForSecrets(sessionId, version));
  }

  isConnected(sessionId: string): boolean {
    return this.#sessions.get(sessionId)?.guest?.welcomed ?? false;
  }

  /** The highest seq that the guest holds durably, as far as it said. */
  acceptedSeq(sessionId: string): number {
    return this.#sessions.get(sessionId)?.acceptedSeq ?? 0;
  }

  /** Of the session's memory, as its guest counts; 0 when none has said. */
  life(sessionId: string): number {
    return this.#sessions.get(sessionId)?.life ?? 0;
  }

  /** Takes over a connection on this session's door. The newest one counts. */
  guest(sessionId: string, link: GuestLink): void {
    const session = this.#session(sessionId);
    const { clock, log } = this.#outside;
    const guest: Guest = { link, timer: undefined, welcomed: false };
    const awaitHello = () => {
      guest.timer = clock.after(HELLO_WITHIN_MS, () => {
        // One that is frozen says nothing, and nothing is wrong with it.
        if (this.#outside.assignment(sessionId)?.desired === 'paused') awaitHello();
        else link.close(new Error('no hello'));
      });
    };
    awaitHello();
    link.onMessage((frame) => this.#heard(sessionId, session, guest, frame));
    link.onDrain(() => {
      this.#sayDrain(session);
      sayStops(session);
      this.#deliverHeld(session);
      this.#askForLost(sessionId, session);
    });
    link.onClose((fault) => {
      guest.timer?.cancel();
      if (fault !== undefined) log.info('guest.lost', { session: sessionId, error: fault.message });
      if (session.guest !== guest) return;
      session.guest = undefined;
      // Whatever it begins when it comes back, the controller looks at then.
      session.stops.clear();
      this.#workers.gone(sessionId);
      this.#secretRequests.forget(sessionId);
      this.#outside.guestChanged(sessionId);
    });
  }

  deliver(message: Deliver): void {
    const assignment = this.#outside.assignment(message.sessionId);
    if (assignment === undefined || assignment.desired === 'failed') return;
    const session = this.#session(message.sessionId);
    // Whoever comes up again is sent it again.
    if (session.drain !== undefined) return;
    const isNext = session.held.length === 0 && session.stops.size === 0;
    if (isNext && session.guest?.welcomed && session.guest.link.send({ kind: 'deliver', value: message })) return;
    if (!takesAnother(session, message) || !this.#budget.takes(sizeOf(message))) {
      this.#refused.add();
      session.lost = true;
      return;
    }
    session.held.push(message);
    session.heldCharacters += sizeOf(message);
    this.#budget.count(session);
  }

  settled(settled: Settled): void {
    if (settled.upToSeq > 0) this.settledUpTo(settled.sessionId, settled.upToSeq);
    if (settled.messageId === '') return;
    const session = this.#sessions.get(settled.sessionId);
    if (session === undefined) return;
    const answer = session.answers.get(settled.messageId);
    if (answer !== undefined) {
      session.answers.delete(settled.messageId);
      session.answerCharacters -= answer.content.length;
      this.#budget.count(session);
      this.#readOn();
      if (this.#mayRead(session)) session.guest?.link.resume();
    }
    // One that is not taken is no loss: the guest says its answer again when it next connects, and is then told again.
    if (session.guest?.welcomed) session.guest.link.send({ kind: 'settled', value: settled });
  }

  /** No message up to this number waits for an answer any more: its guest, whichever is or will be connected, is to begin none of them. */
  settledUpTo(sessionId: string, seq: number): void {
    const assignment = this.#outside.assignment(sessionId);
    if (assignment === undefined || seq <= (this.#sessions.get(sessionId)?.settledSeq ?? assignment.settledSeq)) return;
    const session = this.#session(sessionId);
    session.settledSeq = seq;
    letGo(session, (message) => message.seq <= seq);
    this.#budget.count(session);
    this.#askForLost(sessionId, session);
    // One that does not take it hears of it with its next welcome.
    if (session.guest?.welcomed) session.guest.link.send({ kind: 'settled', value: { sessionId, messageId: '', upToSeq: seq } });
  }

  /** To the guests of all sessions of that space. Those that are not connected hear of nothing: the controller judges anew when they are. */
  stopAgent(stop: StopAgent): void {
    for (const [sessionId, session] of this.#sessions) {
      if (this.#outside.assignment(sessionId)?.spec.spaceId !== stop.spaceId) continue;
      if (letGo(session, (message) => message.agent === stop.agent)) session.lost = true;
      this.#budget.count(session);
      if (session.guest?.welcomed) {
        session.stops.set(stop.agent, stop);
        sayStops(session);
      }
      this.#askForLost(sessionId, session);
    }
  }

  readLines(wanted: ReadLines): void {
    const { sessionId, requestId } = wanted;
    const guest = this.#sessions.get(sessionId)?.guest;
    if (guest?.welcomed && guest.link.send({ kind: 'readLines', value: wanted })) return;
    this.#workers.lines({ sessionId, requestId, lines: [], unread: true });
  }

  /** To the guest that has asked for them, and to no other place. */
  secrets(secrets: Secrets): void {
    const { sessionId, version } = secrets;
    if (!this.#secretRequests.answered(sessionId, version)) return;
    const guest = this.#sessions.get(sessionId)?.guest;
    if (guest?.welcomed && !guest.link.send({ kind: 'secrets', value: secrets })) this.#secretRequests.missed(sessionId, version);
  }

  /** A new stream begins. Answers wait until all of them are said again, in their order: one that came now would overtake those from before. */
  hold(): void {
    this.#holding = true;
    this.#unsaid.clear();
    this.#secretRequests.hold();
  }

  /** Its guest, whichever is or will be connected, is to take nothing more and to finish within the grace. Undefined takes that back. */
  drain(sessionId: string, graceMs: number | undefined): void {
    const session = graceMs === undefined ? this.#sessions.get(sessionId) : this.#session(sessionId);
    if (session === undefined) return;
    session.held = [];
    session.heldCharacters = 0;
    this.#budget.count(session);
    if (graceMs !== undefined) {
      session.drain = { untilMs: this.#outside.clock.monotonic() + graceMs, said: false };
      this.#sayDrain(session);
      return;
    }
    session.drain = undefined;
    const assignment = this.#outside.assignment(sessionId);
    if (!session.guest?.welcomed || assignment === undefined) return;
    if (!session.guest.link.send(welcome(assignment, session.settledSeq, undefined)))
      session.guest.link.close(new Error('it does not read its welcome'));
  }

  /** Whether its guest was asked to finish and not told to go on, whoever asked: an old ledger too. */
  isDraining(sessionId: string): boolean {
    return this.#sessions.get(sessionId)?.drain !== undefined;
  }

  /** To be called on each new stream, once the controller has said what is assigned. */
  sayAgain(): void {
    this.#holding = false;
    for (const [sessionId, session] of this.#sessions) if (session.answers.size > 0) this.#unsaid.set(sessionId, session);
    this.#sayAnswers();
    this.#secretRequests.sayAgain();
    this.#workers.sayAgain();
  }

  /** The session's container is gone for good, or the session is. */
  forget(sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    this.#sessions.delete(sessionId);
    this.#unsaid.delete(sessionId);
    this.#crowdedOut.delete(session);
    session.pace.resting?.cancel();
    this.#budget.forget(session);
    this.#readOn();
    this.#secretRequests.forget(sessionId);
    this.#workers.gone(sessionId);
    session.guest?.link.close();
  }

  close(): void {
    for (const sessionId of [...this.#sessions.keys()]) this.forget(sessionId);
  }

  #heard(sessionId: string, session: Session, guest: Guest, frame: GuestFrame): void {
    const fault = guestBeyondBounds(frame);
    if (fault !== undefined) {
      guest.link.close(new Error(`${fault} to come of a guest`));
      return;
    }
    if (!guest.welcomed) {
      this.#greeted(sessionId, session, guest, frame);
      return;
    }
    this.#pace(session, guest, frame);
    const generation = this.#outside.assignment(sessionId)?.generation;
    if (generation === undefined || session.guest !== guest) return;
    const { outbox } = this.#outside;
    // What it says is kept for the controller: more of it waits with the guest, so that no guest ends the stream of all.
    if (outbox.isCrowded) {
      this.#crowdedOut.add(session);
      guest.link.pause();
    }
    switch (frame.kind) {
      case 'hello':
        guest.link.close(new Error('a second hello'));
        return;
      case 'accepted':
        session.acceptedSeq = Math.max(session.acceptedSeq, frame.value.seq);
        outbox.keep(`accepted:${sessionId}:${frame.value.messageId}`, {
          kind: 'accepted',
          value: { ...frame.value, sessionId, generation },
        });
        return;
      case 'runStarted':
        outbox.keep(`run:${sessionId}:${frame.value.messageId}`, {
          kind: 'runStarted',
          value: { ...frame.value, sessionId, generation },
        });
        return;
      case 'answer': {
        const answer = { ...frame.value, sessionId, generation };
        session.answerCharacters += answer.content.length - (session.answers.get(answer.messageId)?.content.length ?? 0);
        session.answers.set(answer.messageId, answer);
        this.#budget.count(session);
        if (this.#budget.isFull) this.#budget.pause(session);
        if (isFull(session) || this.#budget.isFull) guest.link.pause();
        this.#answer(answer);
        return;
      }
      case 'drained':
        session.acceptedSeq = Math.max(session.acceptedSeq, frame.value.acceptedSeq);
        if (session.drain !== undefined) this.#outside.drained(sessionId);
        return;
      case 'secretsRequest':
        this.#secretRequests.want(sessionId, frame.value.version);
        return;
      case 'workers':
        this.#workers.told({ ...frame.value, sessionId });
        return;
      case 'lines':
        this.#workers.lines({ ...frame.value, sessionId });
        return;
      case 'limitReached':
        this.#limitReached(session, { ...frame.value, sessionId });
        return;
      case 'delta':
        outbox.pass({ kind: 'delta', value: { ...frame.value, sessionId } });
        return;
      case 'log':
        outbox.pass({ kind: 'log', value: { ...frame.value, sessionId } });
        return;
      default:
        frame satisfies never;
    }
  }

  /** A guest that says too much is not read for a while: it waits, and its node's other guests do not. */
  #pace(session: Session, { link }: Guest, frame: GuestFrame): void {
    const { clock } = this.#outside;
    const restMs = session.pace.heard(frame, clock.monotonic());
    if (restMs === 0 || session.pace.resting !== undefined) return;
    this.#rested.add();
    link.pause();
    session.pace.resting = clock.after(restMs, () => {
      session.pace.resting = undefined;
      if (this.#mayRead(session)) session.guest?.link.resume();
    });
  }

  /** Said once a minute at most for each session, however often its guest does or is started anew. */
  #limitReached({ limitsToldMs }: Session, value: LimitReached): void {
    const { sessionId: session, limit, agent } = value;
    if (limit !== 'processes' && limit !== 'memory') return;
    const { clock, log, outbox } = this.#outside;
    const now = clock.monotonic();
    if (now - (limitsToldMs.get(limit) ?? Number.NEGATIVE_INFINITY) < LIMIT_TOLD_EVERY_MS) return;
    limitsToldMs.set(limit, now);
    const reason = limit === 'processes' ? 'process limit reached' : 'memory limit reached';
    log.warn('session.limit-reached', { session, reason, limit: value.value, agent: agent || undefined });
    this.#limits.add(1, { limit });
    outbox.pass({ kind: 'limitReached', value });
  }

  #greeted(sessionId: string, session: Session, guest: Guest, frame: GuestFrame): void {
    const { log } = this.#outside;
    const assignment = this.#outside.assignment(sessionId);
    const refusal = helloRefusal(sessionId, assignment, frame);
    if (frame.kind !== 'hello' || assignment === undefined || refusal !== undefined) {
      log.warn('guest.refused', { session: sessionId, reason: refusal });
      guest.link.close(new Error(refusal));
      return;
    }
    guest.timer?.cancel();
    guest.welcomed = true;
    session.guest?.link.close(new Error('a newer connection of this session'));
    session.guest = guest;
    session.acceptedSeq = frame.value.acceptedSeq;
    session.life = frame.value.life;
    // Before the controller has spoken nobody asked for the drain again; it is no reason to take up new work.
    const asked = assignment.desired === 'suspended' ? assignment.graceMs : undefined;
    if (asked !== undefined) session.drain ??= { untilMs: this.#outside.clock.monotonic() + asked, said: true };
    session.settledSeq = Math.max(session.settledSeq, assignment.settledSeq);
    guest.link.send(welcome(assignment, session.settledSeq, this.#graceLeftMs(session)));
    if (session.drain !== undefined) session.drain.said = true;
    if (!this.#mayRead(session)) guest.link.pause();
    log.info('guest.connected', { session: sessionId, version: frame.value.guestVersion });
    this.#deliverHeld(session);
    this.#outside.guestChanged(sessionId);
  }

  #sayDrain(session: Session): void {
    const { drain, guest } = session;
    if (drain === undefined || drain.said || !guest?.welcomed) return;
    drain.said = guest.link.send({ kind: 'drain', value: { graceMs: this.#graceLeftMs(session) ?? 0 } });
  }

  #graceLeftMs({ drain }: Session): number | undefined {
    return drain && Math.max(0, Math.ceil(drain.untilMs - this.#outside.clock.monotonic()));
  }

  #deliverHeld(session: Session): void {
    if (!session.guest?.welcomed) return;
    for (;;) {
      const message = session.held[0];
      if (message === undefined) break;
      if (!session.guest.link.send({ kind: 'deliver', value: message })) return;
      session.held.shift();
      session.heldCharacters -= sizeOf(message);
      this.#budget.count(session);
      this.#askForLost(message.sessionId, session);
    }
  }

  /** There is room again for answers: guests that were not read from are. */
  #readOn(): void {
    const sessions = [...this.#budget.resumed()];
    if (!this.#outside.outbox.isCrowded) {
      sessions.push(...this.#crowdedOut);
      this.#crowdedOut.clear();
    }
    for (const session of sessions) if (this.#mayRead(session)) session.guest?.link.resume();
  }

  #mayRead(session: Session): boolean {
    return session.pace.resting === undefined && !isFull(session) && !this.#budget.isPaused(session) && !this.#crowdedOut.has(session);
  }

  /** As many as there is room for: all at once can be more than may wait, and would end each new stream. */
  #sayAnswers(): void {
    if (this.#holding) return;
    for (const [sessionId, session] of this.#unsaid) {
      if (this.#outside.outbox.isCrowded) return;
      this.#unsaid.delete(sessionId);
      const generation = this.#outside.assignment(sessionId)?.generation;
      if (generation === undefined) continue;
      for (const answer of session.answers.values()) this.#answer({ ...answer, generation });
    }
  }

  /** There is room again for what was let go. */
  #askForLost(sessionId: string, session: Session): void {
    if (!session.lost || session.held.length > 0) return;
    session.lost = false;
    this.#outside.messagesLost(sessionId);
  }

  #askForSecrets(sessionId: string, version: number): void {
    const generation = this.#outside.assignment(sessionId)?.generation ?? 0;
    this.#outside.outbox.keep(`secrets:${sessionId}`, { kind: 'secretsRequest', value: { sessionId, generation, version } });
  }

  #answer(answer: Answer): void {
    // One that came now would overtake those of its session that are still to be said; it is said after them.
    if (this.#holding || this.#unsaid.has(answer.sessionId)) return;
    this.#outside.outbox.keep(`answer:${answer.sessionId}:${answer.messageId}`, { kind: 'answer', value: answer });
  }

  #session(sessionId: string): Session {
    let session = this.#sessions.get(sessionId);
    if (session === undefined) {
      session = newSession();
      this.#sessions.set(sessionId, session);
    }
    return session;
  }
}

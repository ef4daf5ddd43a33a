import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { Secrets__Output as Secrets } from '../../proto/generated/raworc/v0/Secrets.ts';
import type { StopAgent__Output as StopAgent } from '../../proto/generated/raworc/v0/StopAgent.ts';
import type { Link } from '../../proto/link.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';
import { GUEST_PROTOCOL_VERSION } from '../../proto/versions.ts';

import type { Clock, Timer } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';
import { scriptedHops } from './hops.ts';
import { HollowLogs } from './logs.ts';

/** What a pretended guest keeps over restarts, as a real one does in its volume. */
export interface HollowJournal {
  acceptedSeq: number;
  /** Accepted, not answered yet. */
  readonly taken: Deliver[];
  readonly answers: Map<string, Extract<GuestFrame, { kind: 'answer' }>['value']>;
  readonly done: Set<string>;
}

export const emptyHollowJournal = (): HollowJournal => ({ acceptedSeq: 0, taken: [], answers: new Map(), done: new Set() });

export interface HollowGuestOptions {
  readonly sessionId: string;
  readonly journal: HollowJournal;
  readonly clock: Clock;
  readonly random: Random;
  readonly answerAfterMs: () => number;
  /** While true, messages are taken and not answered. */
  readonly held: () => boolean;
  readonly connectStream: () => StreamLink;
  readonly answer: (message: Deliver, environment: Readonly<Record<string, string>>) => string;
}

const CANCELLED = { outcome: 'ERROR', content: 'The message was cancelled before it was answered.', reason: 'cancelled' } as const;

/** One message that is being answered. */
interface Run {
  readonly message: Deliver;
  readonly runId: string;
  timer: Timer | undefined;
}

/** Says hello, takes messages in order, and answers each once. */
export class HollowGuest {
  readonly #link: Link<GuestFrame, HostFrame>;
  readonly #options: HollowGuestOptions;
  /** Agents with a worker, and when it began. */
  readonly #live = new Map<string, number>();
  /** What messages that begin with "print " had printed. */
  readonly #printed = new HollowLogs();
  #run: Run | undefined;
  readonly #cancelled = new Set<string>();
  /** In memory alone: a guest that comes up again asks for them again. */
  #secrets: Pick<Secrets, 'version' | 'values'> = { version: 0, values: {} };
  #askedVersion = 0;
  #draining = false;
  #grace: Timer | undefined;
  #closed = false;

  constructor(link: Link<GuestFrame, HostFrame>, options: HollowGuestOptions) {
    this.#link = link;
    this.#options = options;
    const { journal, sessionId } = options;
    link.onMessage((frame) => this.#heard(frame));
    link.onClose(() => this.#end());
    link.send({
      kind: 'hello',
      value: {
        protocolVersion: GUEST_PROTOCOL_VERSION,
        guestVersion: 'hollow',
        sessionId,
        acceptedSeq: journal.acceptedSeq,
        unsettled: journal.answers.size,
        streams: true,
        cancels: true,
        // It keeps nothing in memory that could be lost.
        life: 0,
      },
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#end();
    this.#link.close();
  }

  /** To be called when answers are no longer held. */
  proceed(): void {
    if (this.#run !== undefined || this.#draining || this.#closed || this.#options.held()) return;
    const message = this.#options.journal.taken[0];
    if (message === undefined) return;
    if (this.#cancelled.has(message.messageId)) return this.#answer({ message, runId: '', timer: undefined }, CANCELLED);
    if (this.#lacksSecrets(message)) return;
    this.#run = { message, runId: this.#options.random.uuid(), timer: undefined };
    this.#work(this.#run);
    const { runId } = this.#run;
    const { sessionId, generation, messageId, agent } = message;
    this.#print(this.#run);
    if (!this.#live.has(agent)) this.#workers(() => this.#live.set(agent, this.#options.clock.now()));
    this.#link.send({ kind: 'runStarted', value: { sessionId, generation, messageId, runId, agent, hop: null } });
  }

  /** Its container is frozen: it hears nothing and gets no further. */
  freeze(): void {
    this.#link.pause();
    this.#run?.timer?.cancel();
  }

  thaw(): void {
    this.#link.resume();
    if (this.#run !== undefined) this.#work(this.#run);
    this.proceed();
  }

  #work(run: Run): void {
    const { clock, answerAfterMs, held, answer } = this.#options;
    run.timer?.cancel();
    run.timer = clock.after(answerAfterMs(), () => {
      if (held()) this.#run = undefined;
      else this.#answer(run, { outcome: 'REPLY', content: answer(run.message, this.#secrets.values), reason: '' });
    });
  }

  #lacksSecrets({ sessionId, generation, secretsVersion: version }: Deliver): boolean {
    if (version <= this.#secrets.version) return false;
    if (version > this.#askedVersion) this.#link.send({ kind: 'secretsRequest', value: { sessionId, generation, version } });
    this.#askedVersion = Math.max(this.#askedVersion, version);
    return true;
  }

  #answer({ message, runId, timer }: Run, end: { outcome: 'REPLY' | 'ERROR'; content: string; reason: string }): void {
    timer?.cancel();
    const { journal } = this.#options;
    const { sessionId, generation, messageId, agent } = message;
    const answer = {
      sessionId,
      generation,
      messageId,
      runId,
      agent,
      ...end,
      durationMs: 0,
      hops: scriptedHops(messageId, message.content, this.#options.clock.now()),
      model: message.router?.model ?? '',
    };
    journal.taken.shift();
    journal.done.add(messageId);
    journal.answers.set(messageId, answer);
    this.#run = undefined;
    this.#link.send({ kind: 'answer', value: answer });
    if (this.#draining) this.#sayDrained();
    this.proceed();
  }

  #print({ message: { agent, content }, runId }: Run): void {
    if (!content.startsWith('print ')) return;
    for (const line of content.slice(6).split('\n'))
      this.#printed.add({ agent, runId, stream: 'stdout', line, atMs: this.#options.clock.now(), dropped: 0 });
  }

  #workers(change: () => void): void {
    change();
    const workers = [...this.#live].map(([agent, startedAtMs]) => ({ agent, startedAtMs }));
    this.#link.send({ kind: 'workers', value: { sessionId: this.#options.sessionId, workers, keptAwake: 0 } });
  }

  /** Its run is interrupted whether or not that was asked for: it would not last. */
  #stop({ agent }: StopAgent): void {
    const end = { outcome: 'ERROR', content: 'The agent was stopped.', reason: 'agent_stopped' } as const;
    for (let message = this.#options.journal.taken[0]; message?.agent === agent; message = this.#options.journal.taken[0])
      this.#answer(this.#run ?? { message, runId: '', timer: undefined }, end);
    if (this.#live.has(agent)) this.#workers(() => this.#live.delete(agent));
  }

  #cancel({ messageId, graceMs }: CancelMessage): void {
    this.#cancelled.add(messageId);
    const run = this.#run;
    if (run?.message.messageId !== messageId) return this.proceed();
    if (graceMs === 0) return this.#answer(run, CANCELLED);
    this.#options.clock.after(graceMs, () => {
      if (this.#run === run && !this.#closed) this.#answer(run, CANCELLED);
    });
  }

  #drain(graceMs: number): void {
    this.#draining = true;
    this.#grace?.cancel();
    if (this.#run === undefined) return this.#sayDrained();
    this.#grace = this.#options.clock.after(graceMs, () => {
      if (this.#run === undefined) this.#sayDrained();
      else this.#answer(this.#run, { outcome: 'ERROR', content: 'The session was suspended.', reason: 'interrupted' });
    });
  }

  #sayDrained(): void {
    this.#grace?.cancel();
    this.#link.send({ kind: 'drained', value: { acceptedSeq: this.#options.journal.acceptedSeq } });
  }

  #end(): void {
    this.#closed = true;
    this.#printed.close();
    this.#run?.timer?.cancel();
    this.#grace?.cancel();
  }

  #heard(frame: HostFrame): void {
    const { journal } = this.#options;
    switch (frame.kind) {
      case 'welcome':
        this.#draining = false;
        this.#grace?.cancel();
        this.#askedVersion = 0;
        for (const answer of journal.answers.values()) this.#link.send({ kind: 'answer', value: answer });
        if (this.#live.size > 0) this.#workers(() => undefined);
        for (const cancel of frame.value.cancelled) this.#cancel(cancel);
        if (frame.value.drain !== null) this.#drain(frame.value.drain.graceMs);
        this.proceed();
        return;
      case 'deliver': {
        const { sessionId, generation, messageId, seq, afterSeq } = frame.value;
        if (this.#draining || afterSeq > journal.acceptedSeq) return;
        if (!journal.done.has(messageId) && !journal.taken.some((taken) => taken.messageId === messageId)) journal.taken.push(frame.value);
        journal.acceptedSeq = Math.max(journal.acceptedSeq, seq);
        const settled = journal.done.has(messageId) && !journal.answers.has(messageId);
        this.#link.send({ kind: 'accepted', value: { sessionId, generation, messageId, seq, settled } });
        this.proceed();
        return;
      }
      case 'drain':
        return this.#drain(frame.value.graceMs);
      case 'settled':
        journal.answers.delete(frame.value.messageId);
        return;
      case 'secrets':
        if (frame.value.version > this.#secrets.version) this.#secrets = frame.value;
        return this.proceed();
      case 'stopAgent':
        return this.#stop(frame.value);
      case 'cancelMessage':
        return this.#cancel(frame.value);
      case 'openStream':
        return this.#printed.open(frame.value, this.#options.connectStream());
      default:
        frame satisfies never;
    }
  }
}

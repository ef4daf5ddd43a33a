import { GUEST_PROTOCOL_VERSION, type GuestFrame, type HostFrame } from '../../proto/frame.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { Link } from '../../proto/link.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';

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
  readonly answer: (message: Deliver) => string;
}

/** Says hello, takes messages in order, and answers each once. */
export class HollowGuest {
  readonly #link: Link<GuestFrame, HostFrame>;
  readonly #options: HollowGuestOptions;
  #answering = false;
  #closed = false;

  constructor(link: Link<GuestFrame, HostFrame>, options: HollowGuestOptions) {
    this.#link = link;
    this.#options = options;
    const { journal, sessionId } = options;
    link.onMessage((frame) => this.#heard(frame));
    link.onClose(() => {
      this.#closed = true;
    });
    link.send({
      kind: 'hello',
      value: {
        protocolVersion: GUEST_PROTOCOL_VERSION,
        guestVersion: 'hollow',
        sessionId,
        acceptedSeq: journal.acceptedSeq,
        unsettled: journal.answers.size,
      },
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#link.close();
  }

  /** To be called when answers are no longer held. */
  proceed(): void {
    if (this.#answering || this.#closed || this.#options.held()) return;
    const message = this.#options.journal.taken[0];
    if (message === undefined) return;
    this.#answering = true;
    const runId = this.#options.random.uuid();
    const { sessionId, generation, messageId, agent } = message;
    this.#link.send({ kind: 'runStarted', value: { sessionId, generation, messageId, runId, agent } });
    this.#options.clock.after(this.#options.answerAfterMs(), () => {
      this.#answering = false;
      if (this.#closed || this.#options.held()) return;
      const { journal } = this.#options;
      const content = this.#options.answer(message);
      const answer = { sessionId, generation, messageId, runId, agent, outcome: 'REPLY', content, reason: '', durationMs: 0 } as const;
      journal.taken.shift();
      journal.done.add(messageId);
      journal.answers.set(messageId, answer);
      this.#link.send({ kind: 'answer', value: answer });
      this.proceed();
    });
  }

  #heard(frame: HostFrame): void {
    const { journal } = this.#options;
    switch (frame.kind) {
      case 'welcome':
        for (const answer of journal.answers.values()) this.#link.send({ kind: 'answer', value: answer });
        this.proceed();
        return;
      case 'deliver': {
        const { sessionId, generation, messageId, seq } = frame.value;
        if (!journal.done.has(messageId) && !journal.taken.some((taken) => taken.messageId === messageId)) journal.taken.push(frame.value);
        journal.acceptedSeq = Math.max(journal.acceptedSeq, seq);
        this.#link.send({ kind: 'accepted', value: { sessionId, generation, messageId, seq } });
        this.proceed();
        return;
      }
      case 'settled':
        journal.answers.delete(frame.value.messageId);
        return;
      default:
        frame satisfies never;
    }
  }
}

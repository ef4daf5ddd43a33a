/** Bound of small frames that wait for a slow host. */

import type { GuestFrame } from '../../proto/frame.ts';
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { HostLink } from './dialer.ts';

const MAX_WAITING_BYTES = 1024 * 1024;

/** Roughly the frame's size when encoded. */
const sizeOf = (frame: GuestFrame): number =>
  Object.values(frame.value).reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 16), 16);

/**
 * Sends frames to the node agent over the current link. Without a link, or with a slow one:
 *
 * - `send` (accepted, run started) queues frames up to a bound in bytes, beyond which the link is
 *   closed. Queued frames are dropped with the link: the next hello makes up for them.
 * - Answers wait in the mailbox. `sendAnswers` sends those that this link has not accepted yet, and
 *   repeats them after a new welcome or when their messages are delivered again.
 * - `sendLast` (drained) waits for all of these, and is dropped with the link.
 * - `offer` (deltas) drops the frame.
 */
export class HostSide {
  readonly #answers: () => readonly Answer[];
  #link: HostLink | undefined;
  #generation = 0;
  #waiting: GuestFrame[] = [];
  #waitingBytes = 0;
  #sent = new Set<string>();
  #last: GuestFrame | undefined;

  constructor(answers: () => readonly Answer[]) {
    this.#answers = answers;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The host has welcomed the link, so everything can be sent from now on. */
  welcomed(link: HostLink, generation: number): void {
    this.#generation = generation;
    if (this.#link === link) return;
    this.#link = link;
    this.#forget();
    this.#sent = new Set();
    this.#last = undefined;
  }

  lost(link: HostLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#forget();
  }

  send(frame: GuestFrame): void {
    if (!this.#link) return;
    if (this.#waiting.length === 0 && this.#link.send(frame)) return;
    this.#waiting.push(frame);
    this.#waitingBytes += sizeOf(frame);
    if (this.#waitingBytes <= MAX_WAITING_BYTES) return;
    this.#forget();
    this.#link.close(new Error('the host does not read'));
  }

  #forget(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** Sends this frame once the link has accepted everything else. Undefined cancels it. */
  sendLast(frame: GuestFrame | undefined): void {
    this.#last = frame;
    this.drained();
  }

  sendAnswers(): void {
    this.drained();
  }

  offer(frame: GuestFrame): boolean {
    return this.#link !== undefined && this.#waiting.length === 0 && this.#link.send(frame);
  }

  settled(messageId: string): void {
    this.#sent.delete(messageId);
  }

  /**
   * The message was delivered again, so the host has no answer: the next `sendAnswers` sends it
   * again.
   */
  resendAnswer(messageId: string): void {
    this.#sent.delete(messageId);
  }

  /** There is room again. */
  drained(): void {
    const link = this.#link;
    if (!link) return;
    for (;;) {
      const frame = this.#waiting[0];
      if (!frame) break;
      if (!link.send(frame)) return;
      this.#waiting.shift();
      this.#waitingBytes -= sizeOf(frame);
    }
    for (const answer of this.#answers()) {
      if (this.#sent.has(answer.messageId)) continue;
      if (!link.send({ kind: 'answer', value: { ...answer, generation: this.#generation } })) return;
      this.#sent.add(answer.messageId);
    }
    if (this.#last !== undefined && link.send(this.#last)) this.#last = undefined;
  }
}

import type { GuestFrame } from '../../proto/frame.ts';
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Lines__Output as Lines } from '../../proto/generated/raworc/v0/Lines.ts';
import type { HostLink } from './listener.ts';

/** Of frames that wait for a host that is slow to read, all of them small. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** About what it takes on the wire: of its strings, and something for all else. */
const sizeOf = (frame: GuestFrame): number =>
  Object.values(frame.value).reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 16), 16);

/**
 * What goes to the node agent, over whichever link there is. Without one, or with one that is slow:
 *
 * - `tell` (accepted, run started) waits for room, up to a bound in bytes past which the link is closed, and is forgotten with the link: the next
 *   hello says it anew. `tellLines` leaves its lines out where nothing more is to wait.
 * - Answers wait in the mailbox; `sendAnswers` sends those that this link did not take yet, again after each new welcome, and when their
 *   messages come again.
 * - `sayLast` (drained) waits for all of these, and is forgotten with the link.
 * - `offer` (deltas, log lines) drops.
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

  /** The link has been welcomed: from now on it carries everything. */
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

  tell(frame: GuestFrame): void {
    if (!this.#link) return;
    if (this.#waiting.length === 0 && this.#link.send(frame)) return;
    this.#waiting.push(frame);
    this.#waitingBytes += sizeOf(frame);
    if (this.#waitingBytes <= MAX_WAITING_BYTES) return;
    this.#forget();
    this.#link.close(new Error('the host does not read'));
  }

  /** What an agent printed: without its lines, and said to be unread, where the host is slow. They are large, and may be asked for again. */
  tellLines(value: Lines): void {
    if (this.#link && this.#waiting.length === 0 && this.#link.send({ kind: 'lines', value })) return;
    this.tell({ kind: 'lines', value: { ...value, lines: [], unread: true } });
  }

  #forget(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** Once everything else was taken by the link. Undefined: what was to be said last is not said. */
  sayLast(frame: GuestFrame | undefined): void {
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

  /** Its message was sent here again, so whoever sent it has no answer: the next `sendAnswers` says it again, though this link took it. */
  lacksAnswer(messageId: string): void {
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

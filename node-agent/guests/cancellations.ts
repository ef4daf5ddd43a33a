import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';

/**
 * The cancelled messages of this node's sessions that wait for an answer. They outlive guests and
 * containers, and every welcome has those of its session, so that no new guest begins one. The
 * controller repeats them on each stream.
 */
export class Cancellations {
  readonly #sessions = new Map<string, Map<string, CancelMessage>>();

  add(cancel: CancelMessage): void {
    const known = this.#sessions.get(cancel.sessionId) ?? new Map<string, CancelMessage>();
    this.#sessions.set(cancel.sessionId, known.set(cancel.messageId, cancel));
  }

  of(sessionId: string): readonly CancelMessage[] {
    return [...(this.#sessions.get(sessionId)?.values() ?? [])];
  }

  settle(sessionId: string, messageId: string): void {
    this.#dropWhere(sessionId, (cancel) => cancel.messageId === messageId);
  }

  settleUpTo(sessionId: string, seq: number): void {
    this.#dropWhere(sessionId, (cancel) => cancel.seq <= seq);
  }

  forget(sessionId: string): void {
    this.#sessions.delete(sessionId);
  }

  #dropWhere(sessionId: string, which: (cancel: CancelMessage) => boolean): void {
    const known = this.#sessions.get(sessionId);
    if (known === undefined) return;
    for (const cancel of known.values()) if (which(cancel)) known.delete(cancel.messageId);
    if (known.size === 0) this.#sessions.delete(sessionId);
  }
}

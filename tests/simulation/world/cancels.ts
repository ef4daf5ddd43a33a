import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { HostFrame } from '../../../proto/frame.ts';

interface Asked {
  /** The newest commit with a shorter grace, and that grace. */
  atMs: number;
  graceMs: number;
}

/**
 * Which messages were cancelled, and which processes of guests know. A guest that knows must not
 * begin such a message, and no guest one that the controller refused.
 */
export class Cancels {
  readonly #asked = new Map<string, Asked>();
  readonly #refused = new Set<string>();
  readonly #told = new Map<string, Set<string>>();

  committed(mutations: readonly Mutation[], nowMs: number): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put' || mutation.table !== 'queue') continue;
      const { id, refusal, cancelGraceMs } = mutation.row;
      if (refusal?.reason === 'cancelled') this.#refused.add(id);
      if (cancelGraceMs === null && refusal?.reason !== 'cancelled') continue;
      const graceMs = cancelGraceMs ?? 0;
      if (graceMs < (this.#asked.get(id)?.graceMs ?? Number.POSITIVE_INFINITY)) this.#asked.set(id, { atMs: nowMs, graceMs });
    }
  }

  /** A restored store can want again what was refused; guests keep what they know. */
  restored(view: View): void {
    for (const id of this.#refused) {
      const queued = view.get('queue', id);
      if (queued !== undefined && queued.agent !== null) this.#refused.delete(id);
    }
  }

  /** A guest's process receives a frame. */
  heard(life: string, frame: HostFrame): void {
    const told = this.#told.get(life) ?? new Set();
    this.#told.set(life, told);
    if (frame.kind === 'cancelMessage') told.add(frame.value.messageId);
    if (frame.kind === 'welcome') for (const { messageId } of frame.value.cancelled) told.add(messageId);
  }

  wasAsked(messageId: string): boolean {
    return this.#asked.has(messageId);
  }

  /** Returns whether a guest can interrupt its run at that time. */
  mayInterrupt(messageId: string, nowMs: number): boolean {
    const asked = this.#asked.get(messageId);
    return asked !== undefined && nowMs >= asked.atMs + asked.graceMs;
  }

  /** Returns why this guest's process must not begin the message; undefined if it can. */
  objection(life: string, messageId: string): string | undefined {
    if (this.#told.get(life)?.has(messageId) === true) return 'it was told that the message is cancelled';
    return this.#refused.has(messageId) ? 'the controller refused it as cancelled' : undefined;
  }
}

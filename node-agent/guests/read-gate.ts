import type { GuestLink } from './listener.ts';

/**
 * Reasons to pause a guest: its rate, its session's or the node's unsettled answers, or a full
 * outbox.
 */
export type PauseReason = 'pace' | 'session-answers' | 'node-answers' | 'outbox';

/**
 * Reads one session's guest only while there is no reason to pause it. Reasons outlive its
 * connections.
 */
export class ReadGate {
  readonly #reasons = new Set<PauseReason>();
  #link: GuestLink | undefined;

  /** Applies the gate to that connection; undefined if the guest disconnected. */
  attach(link: GuestLink | undefined): void {
    this.#link = link;
    if (this.#reasons.size > 0) link?.pause();
  }

  pause(reason: PauseReason): void {
    this.#reasons.add(reason);
    this.#link?.pause();
  }

  resume(reason: PauseReason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#link?.resume();
  }
}

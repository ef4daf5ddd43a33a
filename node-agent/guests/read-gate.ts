import type { GuestLink } from './listener.ts';

/**
 * Why a guest is paused: its rate, its session's or the node's unsettled answers, or a full outbox.
 */
export type PauseReason = 'pace' | 'session-answers' | 'node-answers' | 'outbox';

/**
 * Decides whether one session's guest is read: only while nothing speaks against it, on whichever
 * connection.
 */
export class ReadGate {
  readonly #reasons = new Set<PauseReason>();
  #link: GuestLink | undefined;

  /** From now on the gate is that connection's; undefined: there is none. */
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

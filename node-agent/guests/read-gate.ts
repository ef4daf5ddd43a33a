import type { GuestLink } from './listener.ts';

/** Why a guest is not read: its rate, its session's unsettled answers, those of the node, or a full way to the controller. */
export type PauseReason = 'pace' | 'session-answers' | 'node-answers' | 'outbox';

/** Whether one session's guest is read: only while there is no reason against it, whichever connection it has. */
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

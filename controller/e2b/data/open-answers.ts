import type { EventEmitter } from 'node:events';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { SessionId } from '../../domain/engine/ids.ts';

/** A client that lost its permission keeps what it has open no longer than this. */
export const JUDGED_EACH_MS = 5000;

/** An answer in progress, or a connection that carries no more HTTP. */
export interface OpenAnswer {
  readonly isAllowed: () => boolean;
  /** Cuts it off without an end. */
  cut(): void;
}

/**
 * Answers in progress, by sandbox. When a sandbox is paused or deleted, they are cut off without an
 * end: the SDKs then ask for its health, and tell their callers that it is gone. So they are when
 * the permission of their client ends.
 */
export class OpenAnswers {
  readonly #clock: Clock;
  readonly #open = new Map<string, Set<OpenAnswer>>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Until `until` closes. It can have, while the sandbox was woken. */
  add(id: SessionId, until: EventEmitter & { readonly destroyed: boolean }, answer: OpenAnswer): void {
    if (until.destroyed) return;
    const those = this.#open.get(id) ?? new Set();
    this.#open.set(id, those.add(answer));
    this.#timer ??= this.#clock.after(JUDGED_EACH_MS, () => this.#judge());
    until.once('close', () => {
      those.delete(answer);
      if (those.size === 0 && this.#open.get(id) === those) this.#open.delete(id);
      if (this.#open.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    });
  }

  cut(id: string): void {
    for (const answer of [...(this.#open.get(id) ?? [])]) answer.cut();
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.cut(id);
  }

  #judge(): void {
    this.#timer = this.#clock.after(JUDGED_EACH_MS, () => this.#judge());
    for (const those of [...this.#open.values()]) for (const answer of [...those]) if (!answer.isAllowed()) answer.cut();
  }
}

import type { Clock, Timer } from '../../../seams/clock.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { touchSession } from '../../domain/sessions/commands/begin-use.ts';
import type { Release } from '../budget/at-once.ts';
import type { Applier } from '../engine/applier.ts';

/** A use that goes on is recorded this often, for a controller that restarts meanwhile. */
const TOUCH_MS = 15_000;
/** Short uses one after another share a commit. */
const LEAST_MS = 1000;

export interface OpenUsesDeps {
  readonly applier: Pick<Applier, 'apply' | 'time'>;
  readonly view: View;
  readonly clock: Clock;
}

interface Used {
  open: number;
  timer: Timer;
}

/**
 * The sessions in use now. A session in use is not idle, however long it takes: it counts as used
 * until the time of its last use is recorded, from which its idle timeouts count.
 */
export class OpenUses {
  readonly #deps: OpenUsesDeps;
  readonly #used = new Map<SessionId, Used>();
  #isClosed = false;
  readonly #listeners: ((id: SessionId) => void)[] = [];

  constructor(deps: OpenUsesDeps) {
    this.#deps = deps;
  }

  isUsed(id: SessionId): boolean {
    return this.#used.has(id);
  }

  /** Number of open uses of a session. */
  open(id: SessionId): number {
    return this.#used.get(id)?.open ?? 0;
  }

  onEnd(listener: (id: SessionId) => void): void {
    this.#listeners.push(listener);
  }

  /** Begins a use. Call the result once to end it. */
  begin(id: SessionId): Release {
    const used = this.#used.get(id) ?? { open: 0, timer: this.#next(id, TOUCH_MS) };
    used.open += 1;
    this.#used.set(id, used);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      used.open -= 1;
      if (used.open === 0) this.#ended(id, used);
    };
  }

  /** Records nothing more: the next process finds when sessions were last in use. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#used.values()) timer.cancel();
    this.#used.clear();
  }

  #ended(id: SessionId, used: Used): void {
    used.timer.cancel();
    if (this.#isClosed) return;
    const leftMs = this.#canIdle(id) ? LEAST_MS - this.#lastActivityMs(id) : 0;
    if (leftMs > 0) used.timer = this.#next(id, leftMs);
    else void this.#touch(id, used);
  }

  #next(id: SessionId, ms: number): Timer {
    return this.#deps.clock.after(ms, () => {
      const used = this.#used.get(id);
      if (used !== undefined) void this.#touch(id, used);
    });
  }

  async #touch(id: SessionId, used: Used): Promise<void> {
    used.timer.cancel();
    used.timer = this.#next(id, TOUCH_MS);
    if (this.#canIdle(id)) await this.#deps.applier.apply(touchSession(id)).catch(() => undefined);
    if (used.open > 0 || this.#used.get(id) !== used) return;
    used.timer.cancel();
    this.#used.delete(id);
    for (const listener of this.#listeners) listener(id);
  }

  /** Whether the session has idle timeouts. */
  #canIdle(id: SessionId): boolean {
    const { timeouts = {} } = this.#deps.view.get('sessions', id) ?? {};
    return Object.keys(timeouts).some((name) => name.startsWith('idle_'));
  }

  #lastActivityMs(id: SessionId): number {
    const at = this.#deps.view.get('sessions', id)?.lastActivityAt ?? null;
    return at === null ? LEAST_MS : this.#deps.applier.time.ageMs(at);
  }
}

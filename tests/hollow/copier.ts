import type { Outcome } from '../../node-agent/engine/outcome.ts';
import type { CopyPlan, CopySeen } from '../../node-agent/engine/volume-work.ts';
import type { Clock, Timer } from '../../seams/clock.ts';

export interface HollowCopierDeps {
  readonly clock: Clock;
  /** Milliseconds that it takes to read the source, and again to write the rest. */
  readonly copyMs: () => number;
  /** Whether something runs on that session's volume. */
  runs(sessionId: string): boolean;
  /** The copy has ended well: makes the one volume what the other is. False when one of them is not there. */
  copy(from: string, to: string): boolean;
  changed(sessionId: string): void;
}

interface Copy {
  readonly plan: CopyPlan;
  timer: Timer | undefined;
  /** The source is being read. */
  reads: boolean;
  /** Its own volume was lost. What it writes goes nowhere, and it does not notice. */
  isAstray: boolean;
  seen: CopySeen;
}

const GONE: CopySeen = { state: 'broken', passing: false, reason: 'The volume could not be copied: it is not there.' };
const KILLED: CopySeen = { state: 'broken', passing: true, reason: 'The copy of the volume was ended from outside.' };

/** Copies that only take their time. */
export class HollowCopier {
  readonly #deps: HollowCopierDeps;
  readonly #copies = new Map<string, Copy>();
  /** Sessions of which a copy was being made while something ran on their volume: never, with a node agent that does its work. */
  readonly torn = new Set<string>();
  /** Of which session each volume holds a whole copy, by its own session. */
  readonly made = new Map<string, string>();

  constructor(deps: HollowCopierDeps) {
    this.#deps = deps;
  }

  prepare(plan: CopyPlan): Outcome {
    if (!this.#copies.has(plan.sessionId))
      this.#copies.set(plan.sessionId, { plan, timer: undefined, reads: false, isAstray: false, seen: { state: 'alive' } });
    return { ok: true };
  }

  start(sessionId: string, read: () => void): Outcome {
    const copy = this.#copies.get(sessionId);
    if (copy === undefined) return { ok: false, why: 'failed', reason: 'There is nothing to start.' };
    if (copy.timer !== undefined || copy.seen.state !== 'alive') return { ok: true };
    copy.reads = true;
    this.made.delete(sessionId);
    this.moved(copy.plan.from);
    copy.timer = this.#deps.clock.after(this.#deps.copyMs(), () => {
      copy.reads = false;
      const isThere = copy.isAstray || this.#deps.copy(copy.plan.from, sessionId);
      if (isThere && !copy.isAstray) this.made.set(sessionId, copy.plan.from);
      if (isThere) read();
      copy.timer = this.#deps.clock.after(this.#deps.copyMs(), () => {
        copy.seen = isThere ? { state: 'copied' } : GONE;
        this.#deps.changed(sessionId);
      });
    });
    return { ok: true };
  }

  observe(sessionId: string): CopySeen {
    return this.#copies.get(sessionId)?.seen ?? { state: 'none' };
  }

  end(sessionId: string): Outcome {
    this.#copies.get(sessionId)?.timer?.cancel();
    this.#copies.delete(sessionId);
    return { ok: true };
  }

  list(): readonly string[] {
    return [...this.#copies.keys()];
  }

  // What a test or the host does.

  /** What runs or does not run on that session's volume has changed. */
  moved(from: string): void {
    if (!this.#deps.runs(from)) return;
    for (const { plan, reads } of this.#copies.values()) if (plan.from === from && reads) this.torn.add(from);
  }

  /** That session's volume is gone, also for a copier that still has it mounted. */
  volumeLost(sessionId: string): void {
    this.made.delete(sessionId);
    const copy = this.#copies.get(sessionId);
    if (copy !== undefined) copy.isAstray = true;
  }

  /** Of which copies are being made: it cannot go. */
  reads(from: string): boolean {
    return [...this.#copies.values()].some(({ plan, seen }) => plan.from === from && seen.state === 'alive');
  }

  /** All that runs ends, as with its engine. */
  kill(): void {
    for (const [sessionId, copy] of this.#copies) {
      if (copy.seen.state !== 'alive') continue;
      copy.timer?.cancel();
      copy.reads = false;
      copy.seen = KILLED;
      this.#deps.changed(sessionId);
    }
  }
}

import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../seams/clock.ts';
import type { Log } from '../seams/log.ts';

/** A problem or property of this node that an operator should know about while it lasts. */
export interface Condition {
  /** One of a small fixed set: 'DiskLow', 'EngineHung', … */
  readonly type: string;
  /** What is wrong, why, and what to do: a sentence or two for the operator. */
  readonly message: string;
  /** While it lasts, no session or build is placed on the node. */
  readonly unschedulable: boolean;
}

export interface Since extends Condition {
  readonly sinceMs: number;
}

/**
 * The conditions of this node. Each change is logged once and sent to the controller, which gets
 * all of them again on each new stream.
 */
export class Conditions {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #raised = new Map<string, { readonly condition: Condition; readonly atMs: number }>();
  #changed: () => void = () => undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  /** Raising it again with another message keeps the time at which it was first raised. */
  raise(condition: Condition): void {
    const before = this.#raised.get(condition.type);
    if (isDeepStrictEqual(before?.condition, condition)) return;
    this.#raised.set(condition.type, { condition, atMs: before?.atMs ?? this.#clock.monotonic() });
    if (before === undefined || before.condition.unschedulable !== condition.unschedulable)
      this.#log[condition.unschedulable ? 'warn' : 'info']('node.condition', { ...condition });
    this.#changed();
  }

  clear(type: string): void {
    if (!this.#raised.delete(type)) return;
    this.#log.info('node.condition-over', { type });
    this.#changed();
  }

  /** Returns all conditions, each with its age. */
  all(): Since[] {
    const nowMs = this.#clock.monotonic();
    return [...this.#raised.values()].map(({ condition, atMs }) => ({ ...condition, sinceMs: Math.max(0, Math.floor(nowMs - atMs)) }));
  }

  /** Returns why nothing new should be placed on this node; undefined if something can be. */
  unschedulable(): string | undefined {
    return [...this.#raised.values()].find(({ condition }) => condition.unschedulable)?.condition.message;
  }
}

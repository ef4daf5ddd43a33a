import type { NewEvent } from '../events/events.ts';
import type { Ages } from './agreed-time.ts';
import type { Fleet } from './fleet.ts';
import type { Mutation } from './mutation.ts';
import type { View } from './view.ts';

/**
 * The input of a decision. Its rows and events get the time `now`. Anything that depends on an age
 * uses `ages`, which exclude corrections of the clock.
 */
export interface State {
  readonly view: View;
  readonly fleet: Fleet;
  readonly now: number;
  readonly ages: Ages;
}

export interface Decision<Result> {
  readonly mutations: readonly Mutation[];
  readonly events: readonly NewEvent[];
  readonly result: Result;
}

/**
 * One change of state. `decide` is pure: the same state gives the same decision, and ids come from
 * outside. It is called once, or not at all when the process dies; its mutations and events are
 * committed together.
 */
export interface Command<Result> {
  readonly name: string;
  /** Approximate bytes that it writes beyond a usual row, such as the content of a message. */
  readonly bytes?: number;
  /** A client command that makes the store grow. Refused while the disk is low. */
  readonly grows?: true;
  decide(state: State): Decision<Result>;
}

/** Returns a decision that changes nothing. */
export const unchanged = <Result>(result: Result): Decision<Result> => ({ mutations: [], events: [], result });

import type { NewEvent } from '../events/events.ts';
import type { Ages } from './agreed-time.ts';
import type { Fleet } from './fleet.ts';
import type { Mutation } from './mutation.ts';
import type { View } from './view.ts';

/**
 * The input of a command. `now` is the time of its rows and events. Deletions, failures and
 * expiries must use `ages`, which ignore adjustments of the clock.
 */
export interface State {
  readonly view: View;
  readonly fleet: Fleet;
  readonly now: number;
  readonly ages: Ages;
}

export interface Decision<Answer> {
  readonly mutations: readonly Mutation[];
  readonly events: readonly NewEvent[];
  readonly answer: Answer;
}

/**
 * One change of state. `decide` is pure: the same state gives the same decision, and ids are passed
 * in. It is called at most once; its mutations and events are committed together.
 */
export interface Command<Answer> {
  readonly name: string;
  /** Bytes beyond a usual row, such as a message's content. */
  readonly bytes?: number;
  /** A client command that grows the store, and is refused while the disk is low. */
  readonly grows?: true;
  decide(state: State): Decision<Answer>;
}

/** Returns a decision that changes nothing. */
export const unchanged = <Answer>(answer: Answer): Decision<Answer> => ({ mutations: [], events: [], answer });

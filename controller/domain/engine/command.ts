import type { NewEvent } from '../events/events.ts';
import type { Ages } from './agreed-time.ts';
import type { Fleet } from './fleet.ts';
import type { Mutation } from './mutation.ts';
import type { View } from './view.ts';

/**
 * What a command is decided on. Its rows and events get the time `now`. Whatever deletes, fails or
 * ends something by its age asks `ages`, which leave out corrections of the clock.
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
 * One change of state. `decide` is pure: the same state gives the same decision, and ids come from
 * outside. It is called once, or not at all when the process dies; its mutations and events are
 * committed together.
 */
export interface Command<Answer> {
  readonly name: string;
  /** About how much it writes beyond a usual row, such as the content of a message. */
  readonly bytes?: number;
  /** A client command that grows the store, and is refused while the disk is low. */
  readonly grows?: true;
  decide(state: State): Decision<Answer>;
}

/** Returns a decision that changes nothing. */
export const unchanged = <Answer>(answer: Answer): Decision<Answer> => ({ mutations: [], events: [], answer });

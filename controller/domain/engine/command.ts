import type { NewEvent } from '../events/events.ts';
import type { Ages } from './agreed-time.ts';
import type { Fleet } from './fleet.ts';
import type { Mutation } from './mutation.ts';
import type { View } from './view.ts';

/**
 * What a command is decided upon. `now` is the time that its rows and events get. Whatever deletes, fails or ends something by its age
 * asks `ages`, which leave out what the clock was set.
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
 * One change of state. `decide` is pure: the same state gives the same decision, and ids come in from outside.
 * It may be called once only, or not at all when the process dies; its mutations and events are committed together.
 */
export interface Command<Answer> {
  readonly name: string;
  /** About what it writes beyond a usual row, such as the content of a message. */
  readonly bytes?: number;
  /** A client's command that makes the store larger: refused while the disk is low. */
  readonly grows?: true;
  decide(state: State): Decision<Answer>;
}

/** A decision that changes nothing. */
export const unchanged = <Answer>(answer: Answer): Decision<Answer> => ({ mutations: [], events: [], answer });

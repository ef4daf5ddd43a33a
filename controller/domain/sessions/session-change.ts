import { type Mutation, put } from '../engine/mutation.ts';
import type { RowView } from '../engine/view.ts';
import type { NewEvent } from '../events/events.ts';
import { isSettled, restState } from './life-cycle.ts';
import type { SessionRow } from './rows.ts';
import { sessionObject } from './session-object.ts';

export interface Changes {
  readonly mutations: readonly Mutation[];
  readonly events: readonly NewEvent[];
}

/** Returns the events of a changed session row, if REST shows the change. */
export function stateEvents(view: RowView, before: SessionRow, after: SessionRow): readonly NewEvent[] {
  const same =
    restState(before) === restState(after) &&
    isSettled(before) === isSettled(after) &&
    before.containerId === after.containerId &&
    before.nodeId === after.nodeId;
  if (same) return [];
  const session = sessionObject(view, after);
  return [
    {
      type: 'session.state',
      spaceId: after.spaceId,
      sessionId: after.id,
      data: { space: session.space, state: session.state, previous_state: restState(before), session },
    },
  ];
}

export function sessionBecomes(view: RowView, before: SessionRow, after: SessionRow): Changes {
  return { mutations: [put('sessions', after)], events: stateEvents(view, before, after) };
}

import type { SpaceId } from '../domain/ids.ts';
import { rowsOfState } from '../domain/life-cycle.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import type { View } from '../domain/view.ts';
import type { SessionFilter } from './api.ts';
import type { Caller } from './caller.ts';
import type { SessionQuery } from './lists.ts';

const STATE_WORDS: ReadonlySet<string> = new Set(['init', 'idle', 'busy', 'paused', 'suspended', 'error']);

/** What a caller asks to see of the sessions that it may see. A space in which it holds nothing is not there. */
export function sessionQuery(view: View, caller: Caller, filter: SessionFilter): Outcome<SessionQuery> {
  const { permissions, accountId } = caller;
  const state = filter.state?.toLowerCase();
  if (state !== undefined && !STATE_WORDS.has(state)) {
    return refused('BAD_REQUEST', `There is no state "${filter.state}": use one of ${[...STATE_WORDS].join(', ')}.`);
  }
  const space = filter.space === undefined ? undefined : view.spaceByName(filter.space);
  if (filter.space !== undefined && (space === undefined || !permissions.knows(space.id)))
    return refused('NOT_FOUND', 'There is no such space.');
  const allowed = permissions.spacesAllowing('sessions', 'list');
  const owner = permissions.allowsOwn('sessions', 'list') ? { owner: accountId } : {};
  return accepted({
    visible: allowed === 'all' ? 'all' : { spaces: [...allowed] as SpaceId[], ...owner },
    ...(space === undefined ? {} : { spaceId: space.id }),
    ...(state === undefined ? {} : { states: rowsOfState(state) }),
    ...(filter.created_by === undefined ? {} : { createdBy: filter.created_by }),
    ...(filter.metadata === undefined ? {} : { metadata: filter.metadata }),
  });
}

import type { SpaceId } from '../domain/ids.ts';
import { rowsOfState } from '../domain/life-cycle.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import type { ShownSession } from '../domain/present.ts';
import type { View } from '../domain/view.ts';
import type { SessionFilter } from './api.ts';
import type { Caller, Page, PageRequest } from './caller.ts';
import type { Lists, SessionQuery } from './lists.ts';

const STATE_WORDS: ReadonlySet<string> = new Set(['init', 'idle', 'busy', 'paused', 'suspended', 'error']);

const ID_PREFIX = /^[0-9a-f-]{1,36}$/;

/**
 * What a caller asks to see of the sessions that it may see. `isUnknown`: the caller holds nothing in the space, which is therefore not there
 * unless the caller has made a session in it.
 */
export function sessionQuery(view: View, caller: Caller, filter: SessionFilter): Outcome<{ query: SessionQuery; isUnknown: boolean }> {
  const { permissions, accountId } = caller;
  const state = filter.state?.toLowerCase();
  if (state !== undefined && !STATE_WORDS.has(state)) {
    return refused('BAD_REQUEST', `There is no state "${filter.state}": use one of ${[...STATE_WORDS].join(', ')}.`);
  }
  const idPrefix = filter.id_prefix?.toLowerCase();
  if (idPrefix !== undefined && !ID_PREFIX.test(idPrefix)) {
    return refused('BAD_REQUEST', 'id_prefix must be the beginning of a UUID: 1 to 36 hexadecimal digits and dashes.');
  }
  const owner = permissions.allowsOwn('sessions', 'list') ? { owner: accountId } : {};
  const space = filter.space === undefined ? undefined : view.spaceByName(filter.space);
  const isUnknown = space !== undefined && !permissions.knows(space.id);
  if (filter.space !== undefined && (space === undefined || (isUnknown && owner.owner === undefined))) return NO_SPACE;
  const allowed = permissions.spacesAllowing('sessions', 'list');
  const query = {
    visible: allowed === 'all' ? allowed : { spaces: [...allowed] as SpaceId[], ...owner },
    ...(space === undefined ? {} : { spaceId: space.id }),
    ...(state === undefined ? {} : { states: rowsOfState(state) }),
    ...(filter.created_by === undefined ? {} : { createdBy: filter.created_by }),
    ...(filter.name === undefined ? {} : { name: filter.name }),
    ...(idPrefix === undefined ? {} : { idPrefix }),
    ...(filter.metadata === undefined ? {} : { metadata: filter.metadata }),
  };
  return accepted({ query, isUnknown });
}

/** The page that a caller asks for. */
export async function listSessions(
  { view, lists }: { readonly view: View; readonly lists: Lists },
  caller: Caller,
  filter: SessionFilter,
  page: PageRequest,
): Promise<Outcome<Page<ShownSession>>> {
  const asked = sessionQuery(view, caller, filter);
  if (!asked.ok) return asked;
  const { query, isUnknown } = asked.value;
  const found = await lists.sessions(query, page);
  if (!isUnknown || found.total > 0) return accepted(found);
  // None that the filters keep: whether there is one at all tells a space in which the caller has sessions from one that is not there.
  const { visible, spaceId } = query;
  const any = await lists.sessions({ visible, ...(spaceId === undefined ? {} : { spaceId }) }, { limit: 1, offset: 0 });
  return any.total > 0 ? accepted(found) : NO_SPACE;
}

const NO_SPACE = refused('NOT_FOUND', 'There is no such space.');

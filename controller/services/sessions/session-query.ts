import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, hidden, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { ShownSession } from '../../domain/engine/present.ts';
import type { View } from '../../domain/engine/view.ts';
import { rowsOfState } from '../../domain/sessions/life-cycle.ts';
import type { SessionFilter } from '../engine/api.ts';
import type { Caller, Page, PageRequest } from '../engine/caller.ts';
import type { Lists, SessionQuery } from '../engine/lists.ts';

const STATE_WORDS: ReadonlySet<string> = new Set(['init', 'idle', 'busy', 'paused', 'suspended', 'error']);

const ID_PREFIX = /^[0-9a-f-]{1,36}$/;

/** What a caller asks to see of the sessions that it may see. 404 for a space in which it holds nothing. */
export function sessionQuery(view: View, caller: Caller, filter: SessionFilter): Outcome<SessionQuery> {
  const { permissions, accountId } = caller;
  const state = filter.state?.toLowerCase();
  if (state !== undefined && !STATE_WORDS.has(state)) {
    return refused('BAD_REQUEST', `There is no state "${filter.state}": use one of ${[...STATE_WORDS].join(', ')}.`);
  }
  const idPrefix = filter.id_prefix?.toLowerCase();
  if (idPrefix !== undefined && !ID_PREFIX.test(idPrefix)) {
    return refused('BAD_REQUEST', 'id_prefix must be the beginning of a UUID: 1 to 36 hexadecimal digits and dashes.');
  }
  const space = filter.space === undefined ? undefined : view.spaceByName(filter.space);
  const isKnown = (id: SpaceId) => permissions.knows(id) || permissions.allowsOwnIn(id, 'sessions', 'list');
  if (filter.space !== undefined && space === undefined) return NO_SPACE;
  if (space !== undefined && !isKnown(space.id)) return hidden(NO_SPACE);
  const held = permissions.spacesHeld();
  const ownedIn = held === 'all' ? {} : { ownedIn: [...held] as SpaceId[] };
  const owner = permissions.allowsOwn('sessions', 'list') ? { owner: accountId, ...ownedIn } : {};
  const allowed = permissions.spacesAllowing('sessions', 'list');
  return accepted({
    visible: allowed === 'all' ? allowed : { spaces: [...allowed] as SpaceId[], ...owner },
    ...(space === undefined ? {} : { spaceId: space.id }),
    ...(state === undefined ? {} : { states: rowsOfState(state) }),
    ...(filter.created_by === undefined ? {} : { createdBy: filter.created_by }),
    ...(filter.name === undefined ? {} : { name: filter.name }),
    ...(idPrefix === undefined ? {} : { idPrefix }),
    ...(filter.metadata === undefined ? {} : { metadata: filter.metadata }),
  });
}

/** The page that a caller asks for. */
export async function listSessions(
  { view, lists }: { readonly view: View; readonly lists: Lists },
  caller: Caller,
  filter: SessionFilter,
  page: PageRequest,
): Promise<Outcome<Page<ShownSession>>> {
  const query = sessionQuery(view, caller, filter);
  if (!query.ok) return query;
  return seesNone(query.value) ? accepted({ items: [], total: 0 }) : accepted(await lists.sessions(query.value, page));
}

/** Of a caller without any right: nothing has to be read. */
const seesNone = ({ visible }: SessionQuery): boolean =>
  visible !== 'all' && visible.spaces.length === 0 && (visible.owner === undefined || visible.ownedIn?.length === 0);

const NO_SPACE = refused('NOT_FOUND', 'There is no such space.');

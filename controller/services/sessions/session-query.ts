import type { PageRequest } from '../../contract/pages.ts';
import type { SessionFilter } from '../../contract/sessions.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, hidden, type Outcome } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { rowsOfState } from '../../domain/sessions/life-cycle.ts';
import type { ShownSession } from '../../domain/sessions/session-object.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { Caller, Page } from '../access/caller.ts';
import type { Lists, SessionQuery } from '../engine/lists.ts';

/**
 * Returns the query for the sessions that the caller can see; 404 for a space in which it has no
 * role.
 */
export function sessionQuery(view: View, caller: Caller, filter: SessionFilter): Outcome<SessionQuery> {
  const { permissions, accountId } = caller;
  const space = filter.space === undefined ? undefined : view.spaceByName(filter.space);
  const isKnown = (id: SpaceId) => permissions.knows(id) || permissions.allowsOwnIn(id, 'sessions', 'list');
  if (filter.space !== undefined && space === undefined) return NO_SPACE;
  if (space !== undefined && !isKnown(space.id)) return hidden(NO_SPACE);
  const held = permissions.spacesWithRights();
  const ownedIn = held === 'all' ? {} : { ownedIn: [...held] as SpaceId[] };
  const owner = permissions.allowsOwn('sessions', 'list') ? { owner: accountId, ...ownedIn } : {};
  const allowed = permissions.spacesAllowing('sessions', 'list');
  return accepted({
    visible: allowed === 'all' ? allowed : { spaces: [...allowed] as SpaceId[], ...owner },
    ...(space === undefined ? {} : { spaceId: space.id }),
    ...(filter.state === undefined ? {} : { states: rowsOfState(filter.state) }),
    ...(filter.created_by === undefined ? {} : { createdBy: filter.created_by }),
    ...(filter.name === undefined ? {} : { name: filter.name }),
    ...(filter.id_prefix === undefined ? {} : { idPrefix: filter.id_prefix }),
    ...(filter.metadata === undefined ? {} : { metadata: filter.metadata }),
  });
}

/** Returns the requested page. */
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

/** A caller without any permission needs no query. */
const seesNone = ({ visible }: SessionQuery): boolean =>
  visible !== 'all' && visible.spaces.length === 0 && (visible.owner === undefined || visible.ownedIn?.length === 0);

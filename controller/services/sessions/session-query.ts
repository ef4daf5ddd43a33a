import type { PageRequest } from '../../contract/pages.ts';
import type { SessionFilter, SessionObject } from '../../contract/sessions.ts';
import type { SessionId, SpaceId } from '../../domain/engine/ids.ts';
import { accepted, hidden, type Outcome } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { rowsOfState } from '../../domain/sessions/life-cycle.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { Caller, Page } from '../access/caller.ts';
import type { JsonText } from '../engine/json-text.ts';
import type { Lists, SessionQuery } from '../engine/lists.ts';
import type { RowsRead, ShownSession, ShownSessions } from './shown-sessions.ts';

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

export interface ListDeps {
  readonly view: View;
  readonly lists: Lists;
  readonly shownSessions: ShownSessions;
}

/** All sessions of a page can be gone before it is answered. Then it is read again, up to so often. */
const MAX_READS = 3;

/**
 * Returns the requested page. Sessions are shown as they are when it is answered: one that was
 * deleted or stopped matching the filter while it was found is no longer part of it.
 */
export async function listSessions(
  deps: ListDeps,
  caller: Caller,
  filter: SessionFilter,
  page: PageRequest,
): Promise<Outcome<Page<JsonText<SessionObject>>>> {
  const query = sessionQuery(deps.view, caller, filter);
  if (!query.ok) return query;
  if (seesNone(query.value)) return accepted({ items: [], total: 0 });
  for (let reads = 1; ; reads += 1) {
    const { items, total } = await pageOf(deps, query.value, filter, page);
    if (items.length > 0 || total <= page.offset || reads === MAX_READS) return accepted({ items: items.map(({ json }) => json), total });
  }
}

async function pageOf(deps: ListDeps, query: SessionQuery, filter: SessionFilter, page: PageRequest): Promise<Page<ShownSession>> {
  const read = deps.shownSessions.beginRead();
  try {
    const found = await deps.lists.sessions(query, page);
    const { shown, isCut } = await shownOf(deps, read, found.items, page.order ?? 'desc');
    const items = shown.filter((session) => session.desired !== 'deleted' && matches(session, filter, read));
    return { items, total: isCut ? found.total : found.total - (found.items.length - items.length) };
  } finally {
    read.close();
  }
}

/** Judges again, like the query, what can have changed since the read began. */
function matches({ id, state, name, json }: ShownSession, filter: SessionFilter, read: RowsRead): boolean {
  if (filter.state !== undefined && state !== filter.state) return false;
  if (filter.name !== undefined && name !== filter.name) return false;
  if (filter.metadata === undefined || !read.hasChanged(id)) return true;
  const pairs = Object.entries(filter.metadata);
  const { metadata }: SessionObject = JSON.parse(json.text);
  return pairs.every(([key, wanted]) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    return (typeof value === 'string' ? value : JSON.stringify(value)) === wanted;
  });
}

/**
 * Returns those that are left of these sessions, in their order. `isCut`: only the first ones, as
 * the rows of all would be too large.
 */
async function shownOf({ lists, shownSessions }: ListDeps, read: RowsRead, ids: readonly SessionId[], order: 'asc' | 'desc') {
  const known = new Map<SessionId, ShownSession>();
  const unknown: SessionId[] = [];
  for (const id of ids) {
    const shown = shownSessions.known(id);
    if (shown === undefined) unknown.push(id);
    else known.set(id, shown);
  }
  let last: SessionId | undefined;
  if (unknown.length > 0) {
    const { items, total } = await lists.sessionRows(unknown, order);
    for (const shown of read.shown(items)) known.set(shown.id, shown);
    if (items.length < total) last = items.at(-1)?.id;
  }
  const reached = last === undefined ? ids : ids.slice(0, ids.indexOf(last) + 1);
  const shown = reached.flatMap((id) => known.get(id) ?? []);
  return { shown, isCut: last !== undefined };
}

/** A caller without any permission needs no query. */
const seesNone = ({ visible }: SessionQuery): boolean =>
  visible !== 'all' && visible.spaces.length === 0 && (visible.owner === undefined || visible.ownedIn?.length === 0);

import type { Resource, Verb } from '../../contract/access/roles.ts';
import { accepted, hidden, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { NO_NODE } from '../../domain/nodes/refusals.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import type { ShownSession, ShownSessions } from '../sessions/shown-sessions.ts';
import type { Caller } from './caller.ts';

const HIDDEN_SPACE = hidden(NO_SPACE);
const HIDDEN_SESSION = hidden(NO_SESSION);

export const forbidden = (resource: Resource, verb: Verb) => refused('FORBIDDEN', `This requires the permission ${resource}:${verb}.`);

/**
 * Returns a space by name if the caller has the permission in it. A space in which the caller has
 * no permission at all looks as if it did not exist. `names` are the names of the resource within
 * the space, for rules that are limited to names; a space goes by its own name and id.
 */
export function spaceFor(
  view: View,
  caller: Caller,
  name: string,
  resource: Resource,
  verb: Verb,
  ...names: readonly string[]
): Outcome<SpaceRow> {
  const space = view.spaceByName(name);
  if (space === undefined) return NO_SPACE;
  if (!caller.permissions.knows(space.id)) return HIDDEN_SPACE;
  const called = resource === 'spaces' ? [space.name, space.id] : names;
  return caller.permissions.allows(resource, verb, space.id, ...called) ? accepted(space) : forbidden(resource, verb);
}

/**
 * Returns a session if the caller has the permission: as its owner with any role in its space, or
 * by a role. A session that the caller cannot see looks as if it did not exist.
 */
export const sessionFor = (view: View, caller: Caller, id: string, verb: Verb): Outcome<SessionRow> =>
  judged(view.get('sessions', id), caller, verb);

/** Like {@link sessionFor}, for reading. */
export const shownSessionFor = (shown: ShownSessions, caller: Caller, id: string): Outcome<ShownSession> =>
  judged(shown.get(id), caller, 'get');

type Judged = Pick<SessionRow, 'id' | 'name' | 'spaceId' | 'createdById' | 'desired'>;

function judged<Row extends Judged>(row: Row | undefined, caller: Caller, verb: Verb): Outcome<Row> {
  if (row === undefined || row.desired === 'deleted') return NO_SESSION;
  const names = row.name === null ? [row.id] : [row.id, row.name];
  const may = (what: Verb) =>
    (row.createdById === caller.accountId && caller.permissions.allowsOwnIn(row.spaceId, 'sessions', what, ...names)) ||
    caller.permissions.allows('sessions', what, row.spaceId, ...names);
  if (may(verb)) return accepted(row);
  return may('get') ? forbidden('sessions', verb) : HIDDEN_SESSION;
}

/**
 * Refuses a caller whose credentials were revoked during a wait. Check its permissions again
 * afterwards.
 */
export function refreshed(caller: Caller): Outcome<Caller> {
  const now = caller.now();
  return now === undefined
    ? refused('UNAUTHORIZED', 'Your credentials were revoked while this request was running. Log in again and retry.')
    : accepted(now);
}

/**
 * Returns a node by id or name if the caller has the permission. Rules that are limited to names
 * match either. Nodes belong to no space: a caller without the permission gets 403, whether or not
 * the node exists.
 */
export function nodeFor(view: View, caller: Caller, ref: string, verb: Verb): Outcome<NodeRow> {
  const row = view.get('nodes', ref) ?? view.nodeByName(ref);
  const may = checkGlobal(caller, 'nodes', verb, ...(row === undefined ? [ref] : [row.id, row.name]));
  if (!may.ok) return may;
  return row === undefined || row.revokedAt !== null ? NO_NODE : accepted(row);
}

/** Checks a permission on a resource that belongs to no space. `names` are its names and ids. */
export function checkGlobal(caller: Caller, resource: Resource, verb: Verb, ...names: readonly string[]): Outcome<undefined> {
  return caller.permissions.allows(resource, verb, null, ...names) ? accepted(undefined) : forbidden(resource, verb);
}

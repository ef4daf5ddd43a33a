import type { Resource, Verb } from '../../contract/roles.ts';
import { accepted, hidden, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { NO_NODE } from '../../domain/nodes/refusals.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import type { Caller } from '../engine/caller.ts';
import type { ShownSession, ShownSessions } from '../sessions/shown-sessions.ts';

const HIDDEN_SPACE = hidden(NO_SPACE);
const HIDDEN_SESSION = hidden(NO_SESSION);

export const forbidden = (resource: Resource, verb: Verb) => refused('FORBIDDEN', `This needs the permission ${resource}:${verb}.`);

/**
 * A space by name, for a caller who may do that in it. Whoever holds nothing there is not told that it exists. `names` are what the
 * thing in the space is called, for rules that are narrowed to names; a space itself is called by its own.
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
 * Whether a caller may do something with a session: its own, while it holds something in the session's space, or by permission there.
 * A session that may not be seen is not there.
 */
export const sessionFor = (view: View, caller: Caller, id: string, verb: Verb): Outcome<SessionRow> =>
  judged(view.get('sessions', id), caller, verb);

/** The same for one that is only looked at. */
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

/** Refuses whoever has lost what proved them while something was waited for; what they may do is to be judged again. */
export function stillThere(caller: Caller): Outcome<Caller> {
  const now = caller.now();
  return now === undefined
    ? refused('UNAUTHORIZED', 'Your credentials were revoked while this request was running. Log in again and retry.')
    : accepted(now);
}

/**
 * A node by id or name, for a caller who may do that with it: rules that are narrowed to names are judged by both. Nodes belong to no space, so
 * a caller without the right gets 403, whether or not the node exists.
 */
export function nodeFor(view: View, caller: Caller, ref: string, verb: Verb): Outcome<NodeRow> {
  const row = view.get('nodes', ref) ?? view.nodeByName(ref);
  const may = globally(caller, 'nodes', verb, ...(row === undefined ? [ref] : [row.id, row.name]));
  if (!may.ok) return may;
  return row === undefined ? NO_NODE : accepted(row);
}

/** For what belongs to no space, called by one of these names. */
export function globally(caller: Caller, resource: Resource, verb: Verb, ...names: readonly string[]): Outcome<undefined> {
  return caller.permissions.allows(resource, verb, null, ...names) ? accepted(undefined) : forbidden(resource, verb);
}

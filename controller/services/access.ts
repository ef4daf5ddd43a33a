import type { SpaceId } from '../domain/ids.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import type { Resource, Verb } from '../domain/rbac.ts';
import type { SessionRow, SpaceRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import type { Caller } from './api.ts';

const NO_SPACE = refused('NOT_FOUND', 'There is no such space.');
const NO_SESSION = refused('NOT_FOUND', 'There is no such session.');

export const forbidden = (resource: Resource, verb: Verb) => refused('FORBIDDEN', `This needs the permission ${resource}:${verb}.`);

/** A space by name, for a caller who may do that in it. Whoever holds nothing there is not told that it exists. */
export function spaceFor(view: View, caller: Caller, name: string, resource: Resource, verb: Verb, called?: string): Outcome<SpaceRow> {
  const space = view.spaceByName(name);
  if (space === undefined || !caller.permissions.knows(space.id)) return NO_SPACE;
  return caller.permissions.allows(resource, verb, space.id, called) ? accepted(space) : forbidden(resource, verb);
}

/** Whether a caller may do something with a session: its own, or by permission in its space. A session that may not be seen is not there. */
export function sessionFor(view: View, caller: Caller, id: string, verb: Verb): Outcome<SessionRow> {
  const row = view.get('sessions', id);
  if (row === undefined || row.desired === 'deleted') return NO_SESSION;
  if (row.createdById === caller.accountId || may(caller, verb, row.spaceId)) return accepted(row);
  return may(caller, 'get', row.spaceId) ? forbidden('sessions', verb) : NO_SESSION;
}

const may = (caller: Caller, verb: Verb, space: SpaceId) => caller.permissions.allows('sessions', verb, space);

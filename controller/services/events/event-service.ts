import type { Resource } from '../../contract/access/roles.ts';
import type { Permissions } from '../../domain/access/rbac.ts';
import type { SessionId, SpaceId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { EventPosition } from '../../domain/events/events.ts';
import { sessionFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Tail } from './tail.ts';
import type { EventScope, EventWatcher } from './watching.ts';

export type Events = ReturnType<typeof eventService>;

/** Kinds of resources outside spaces, and who sees their events. */
const KINDS = [
  ['node', 'nodes'],
  ['account', 'service-accounts'],
  ['api-key', 'service-accounts'],
  ['role', 'roles'],
  ['role-binding', 'role-bindings'],
] as const;

/**
 * Permissions to see events of a space without a session, by kind; any one is enough. Events of a
 * space and of its secrets reveal little, so seeing its sessions is enough for them.
 */
const KINDS_OF_A_SPACE = [
  ['build', ['builds']],
  ['agent', ['agents']],
  ['space', ['spaces', 'sessions']],
  ['secrets', ['secrets', 'sessions']],
] as const;

function scopeOf({ permissions, accountId, user }: Caller): EventScope {
  const spacesOf = (...resources: readonly Resource[]): 'all' | ReadonlySet<SpaceId> => {
    const each = resources.map((resource) => permissions.spacesAllowing(resource, 'get') as 'all' | ReadonlySet<SpaceId>);
    return each.includes('all') ? 'all' : new Set(each.flatMap((spaces) => (spaces === 'all' ? [] : [...spaces])));
  };
  const sessions = spacesOf('sessions');
  const held = permissions.spacesWithRights() as 'all' | ReadonlySet<SpaceId>;
  return {
    kinds: new Set(KINDS.flatMap(([kind, resource]) => (permissions.allows(resource, 'list', null) ? [kind] : []))),
    ofSpaces: new Map(KINDS_OF_A_SPACE.map(([kind, resources]) => [kind, spacesOf(...resources)])),
    ...(sessions === 'all' ? {} : { spaces: sessions }),
    ...(permissions.allowsOwn('sessions', 'get') ? { owner: accountId, ...(held === 'all' ? {} : { ownedIn: held }) } : {}),
    ...(permissions.allowsOwn('service-accounts', 'get', user, accountId) ? { keysOf: accountId } : {}),
  };
}

/** Serves events of one session, or of everything the caller can see. */
export function eventService(view: View, tail: Tail) {
  // Cached, because every open stream asks every few seconds. A permissions object never changes;
  // it is only replaced.
  const scopes = new WeakMap<Permissions, EventScope>();
  return {
    /** Returns what the caller can watch; 404 for a session that it cannot see. */
    scope(caller: Caller, session?: SessionId): Outcome<EventScope> {
      if (session !== undefined) {
        const row = sessionFor(view, caller, session, 'get');
        return row.ok ? accepted({ session }) : row;
      }
      const scope = scopes.get(caller.permissions) ?? scopeOf(caller);
      scopes.set(caller.permissions, scope);
      return accepted(scope);
    },
    /** Returns whether a session exists and is not deleted. */
    isThere(session: SessionId) {
      const row = view.get('sessions', session);
      return row !== undefined && row.desired !== 'deleted';
    },
    /**
     * Calls the watcher with all events of the scope after `after` (default: now), in order and
     * without gaps, until closed.
     */
    watch: (scope: EventScope, after: EventPosition | undefined, watcher: EventWatcher) => tail.watch(scope, after, watcher),
  };
}

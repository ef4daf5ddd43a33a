import type { SpaceId } from '../domain/ids.ts';
import { accepted } from '../domain/outcome.ts';
import type { View } from '../domain/view.ts';
import { sessionFor } from './access.ts';
import type { Events } from './api.ts';
import type { Tail } from './tail.ts';

/** Who is told of what belongs to no space. */
const KINDS = [
  ['node', 'nodes'],
  ['account', 'service-accounts'],
  ['api-key', 'service-accounts'],
  ['role', 'roles'],
  ['role-binding', 'role-bindings'],
] as const;

/** Events of one session for whoever may see it; of all that the caller made, or may see in its space. */
export function eventService(view: View, tail: Tail): Events {
  return {
    scope(caller, session) {
      if (session !== undefined) {
        const row = sessionFor(view, caller, session, 'get');
        return row.ok ? accepted({ session }) : row;
      }
      const spaces = caller.permissions.spacesAllowing('sessions', 'get');
      const own = caller.permissions.allowsOwn('sessions', 'get') ? { owner: caller.accountId } : {};
      const kinds = new Set(KINDS.flatMap(([kind, resource]) => (caller.permissions.allows(resource, 'list', null) ? [kind] : [])));
      return accepted({ kinds, ...(spaces === 'all' ? {} : { spaces: spaces as ReadonlySet<SpaceId> }), ...own });
    },
    isThere(session) {
      const row = view.get('sessions', session);
      return row !== undefined && row.desired !== 'deleted';
    },
    watch: (scope, after, watcher) => tail.watch(scope, after, watcher),
  };
}

import type { SpaceId } from '../domain/ids.ts';
import { accepted } from '../domain/outcome.ts';
import type { View } from '../domain/view.ts';
import { sessionFor } from './access.ts';
import type { Events } from './api.ts';
import type { Tail } from './tail.ts';

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
      return accepted(spaces === 'all' ? {} : { spaces: spaces as ReadonlySet<SpaceId>, ...own });
    },
    watch: (scope, after, watcher) => tail.watch(scope, after, watcher),
  };
}

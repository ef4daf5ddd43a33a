import type { DeltaNews, LogNews, StoredEvent } from '../domain/events.ts';
import type { SessionId, SpaceId } from '../domain/ids.ts';
import type { EventScope, EventWatcher } from './api.ts';

/** One watcher in its place: it has seen, or was not to see, all up to `seen`. */
export interface Listener {
  readonly scope: EventScope;
  readonly watcher: EventWatcher;
  seen: number;
  closed: boolean;
}

/** Those who are up to date and take what comes, found by session so that an event of one session costs nothing to the watchers of others. */
export class Audience {
  readonly #everywhere = new Set<Listener>();
  readonly #bySession = new Map<SessionId, Set<Listener>>();

  add(listener: Listener): void {
    const { session } = listener.scope;
    if (session === undefined) {
      this.#everywhere.add(listener);
      return;
    }
    const those = this.#bySession.get(session);
    if (those === undefined) this.#bySession.set(session, new Set([listener]));
    else those.add(listener);
  }

  remove(listener: Listener): void {
    const { session } = listener.scope;
    if (session === undefined) {
      this.#everywhere.delete(listener);
      return;
    }
    const those = this.#bySession.get(session);
    those?.delete(listener);
    if (those?.size === 0) this.#bySession.delete(session);
  }

  all(): Listener[] {
    return [...this.#everywhere, ...[...this.#bySession.values()].flatMap((those) => [...those])];
  }

  /** Who may see that thing. A copy: listeners come and go while they are called. */
  of(thing: StoredEvent | DeltaNews | LogNews): Listener[] {
    const found: Listener[] = [];
    for (const listener of this.#everywhere) if (isInScope(listener.scope, thing)) found.push(listener);
    const those = thing.sessionId === null ? undefined : this.#bySession.get(thing.sessionId);
    for (const listener of those ?? []) if (isInScope(listener.scope, thing)) found.push(listener);
    return found;
  }
}

/** What belongs to no space (nodes) is seen by those only who may see every space. */
export function isInScope(scope: EventScope, thing: { readonly spaceId: SpaceId | null; readonly sessionId: SessionId | null }): boolean {
  if (scope.session !== undefined && scope.session !== thing.sessionId) return false;
  if (scope.spaces === undefined) return true;
  return thing.spaceId !== null && scope.spaces.has(thing.spaceId);
}

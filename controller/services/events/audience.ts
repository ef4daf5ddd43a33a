import type { AccountId, SessionId } from '../../domain/engine/ids.ts';
import type { DeltaNews, StoredEvent } from '../../domain/events/events.ts';
import type { EventScope, EventWatcher } from './watching.ts';

/**
 * One watcher: it has seen everything up to `seen` that is in its scope. `live`: it receives new
 * events. `behind`: it is reading older pages. `full`: it receives nothing until it resumes.
 */
export interface Listener {
  readonly scope: EventScope;
  readonly watcher: EventWatcher;
  state: 'live' | 'behind' | 'full' | 'closed';
  /** Can lag behind while the watcher is live. */
  seen: number;
  /** Events up to here are pruned: the watcher must be reset before its next event. */
  resetTo: number | undefined;
}

/**
 * The live watchers, indexed by session, so that an event costs nothing to watchers of other
 * sessions.
 */
export class Audience {
  readonly #ownerOf: OwnerOf;
  readonly #everywhere = new Set<Listener>();
  readonly #bySession = new Map<SessionId, Set<Listener>>();

  constructor(ownerOf: OwnerOf) {
    this.#ownerOf = ownerOf;
  }

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

  /**
   * Returns the watchers that can see an event. A copy, since watchers come and go during the
   * calls.
   */
  of(thing: StoredEvent | DeltaNews): Listener[] {
    const found: Listener[] = [];
    for (const listener of this.#everywhere) if (isInScope(listener.scope, thing, this.#ownerOf)) found.push(listener);
    const those = thing.sessionId === null ? undefined : this.#bySession.get(thing.sessionId);
    for (const listener of those ?? []) if (isInScope(listener.scope, thing, this.#ownerOf)) found.push(listener);
    return found;
  }
}

/** Returns the owner of a session. */
export type OwnerOf = (session: SessionId) => AccountId | undefined;

/**
 * Returns whether a watcher can see an event. Events outside spaces (nodes, accounts, keys) depend
 * on their kind, those of an API key on its owner.
 */
export function isInScope(scope: EventScope, thing: StoredEvent | DeltaNews, ownerOf: OwnerOf = () => undefined): boolean {
  if (scope.session !== undefined && scope.session !== thing.sessionId) return false;
  if (thing.spaceId === null && thing.sessionId === null) return 'type' in thing && seesKind(scope, thing);
  if (thing.sessionId === null && thing.spaceId !== null && 'type' in thing && scope.ofSpaces !== undefined) {
    const spaces = scope.ofSpaces.get(kindOf(thing));
    return spaces === 'all' || spaces?.has(thing.spaceId) === true;
  }
  if (scope.spaces === undefined) return true;
  if (thing.spaceId !== null && scope.spaces.has(thing.spaceId)) return true;
  if (scope.owner === undefined || thing.sessionId === null) return false;
  if (scope.ownedIn !== undefined && (thing.spaceId === null || !scope.ownedIn.has(thing.spaceId))) return false;
  return ownerOf(thing.sessionId) === scope.owner;
}

const kindOf = ({ type }: Pick<StoredEvent, 'type'>): string => type.slice(0, type.indexOf('.'));

function seesKind({ kinds, spaces, keysOf }: EventScope, { type, data }: StoredEvent): boolean {
  const kind = kindOf({ type });
  if (kinds === undefined ? spaces === undefined : kinds.has(kind)) return true;
  const key = data.api_key;
  return keysOf !== undefined && typeof key === 'object' && key !== null && 'account' in key && key.account === keysOf;
}

const MAX_REMEMBERED = 10_000;

/** Caches the newest results of `find`: the owner of a session never changes. */
export function cachedOwners(find: OwnerOf): OwnerOf {
  const known = new Map<SessionId, AccountId>();
  return (session) => {
    const owner = known.get(session) ?? find(session);
    if (owner === undefined || known.has(session)) return owner;
    known.set(session, owner);
    const oldest = known.size > MAX_REMEMBERED ? known.keys().next() : undefined;
    if (oldest?.done === false) known.delete(oldest.value);
    return owner;
  };
}

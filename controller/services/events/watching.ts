import type { AccountId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../../domain/events/events.ts';

/**
 * What a watcher returns for each item.
 * - `more`: accepted.
 * - `full`: not accepted for lack of room. An event or a reset is repeated after `resume`; a delta
 *   or a line is not.
 * - `over`: the watcher ends.
 */
export type Taken = 'more' | 'full' | 'over';

/** Receives events. */
export interface EventWatcher {
  event(event: StoredEvent, position: EventPosition): Taken;
  delta(delta: DeltaNews): Taken;
  /** Lines of agents' logs, which arrive over byte streams and not with the events. */
  log(line: LogNews): Taken;
  /**
   * The requested position is pruned or of another epoch: read the state again. Events follow after
   * `position`.
   */
  reset(position: EventPosition): Taken;
  /** Nothing more will follow. */
  end(): void;
}

/** Receives lines, and those of them that fit. */
export type LineWatcher = Pick<EventWatcher, 'log' | 'end'> & {
  /** So many lines were dropped, and no line follows that says so. Repeated after `resume`. */
  lost(count: number): Taken;
};

export interface Watching {
  /** Call when there is room again, after `full`, but not from within the watcher. */
  resume(): void;
  close(): void;
}

export interface EventScope {
  /** One session; undefined for all. */
  readonly session?: SessionId;
  /** Spaces whose sessions the watcher can see; undefined for all. */
  readonly spaces?: ReadonlySet<SpaceId>;
  /**
   * Spaces in which the watcher can see events without a session (builds, agents), by kind; other
   * kinds are hidden. Undefined: as `spaces`.
   */
  readonly ofSpaces?: ReadonlyMap<string, 'all' | ReadonlySet<SpaceId>>;
  /** Sees the sessions that this account owns in the spaces `ownedIn`; undefined for all spaces. */
  readonly owner?: AccountId;
  readonly ownedIn?: ReadonlySet<SpaceId>;
  /** Sees the API keys of this account. */
  readonly keysOf?: AccountId;
  /**
   * Kinds outside spaces that the watcher can see: the word before the dot of an event's type.
   * Undefined for all.
   */
  readonly kinds?: ReadonlySet<string>;
}

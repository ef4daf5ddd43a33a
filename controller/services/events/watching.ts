import type { AccountId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../../domain/events/events.ts';

/**
 * What a watcher answers to each thing that it is given.
 * - `more`: it took it.
 * - `full`: it has no room and did not take it. An event or a reset comes again once its `resume` is called; a delta or a line does not.
 * - `over`: it ends.
 */
export type Taken = 'more' | 'full' | 'over';

/** What a watcher of events is called with. */
export interface EventWatcher {
  event(event: StoredEvent, position: EventPosition): Taken;
  delta(delta: DeltaNews): Taken;
  log(line: LogNews): Taken;
  /** The position asked for is from another epoch or pruned: read the state anew; events follow from `position` on. */
  reset(position: EventPosition): Taken;
  /** No more will come. */
  end(): void;
}

export interface Watching {
  /** There is room again. To be called after `full`, and not from within the watcher. */
  resume(): void;
  close(): void;
}

export interface EventScope {
  /** One session, or all. */
  readonly session?: SessionId;
  /** Spaces whose sessions the watcher may see; undefined: all of them. */
  readonly spaces?: ReadonlySet<SpaceId>;
  /**
   * Of what belongs to a space and to no session (builds, agents), the spaces in which the watcher may see it, by its kind; what is of no
   * kind named here is not shown. Undefined: as `spaces`.
   */
  readonly ofSpaces?: ReadonlyMap<string, 'all' | ReadonlySet<SpaceId>>;
  /** Sees the sessions that it made in the spaces `ownedIn`; in any, where that is undefined. */
  readonly owner?: AccountId;
  readonly ownedIn?: ReadonlySet<SpaceId>;
  /** Sees the API keys of this account. */
  readonly keysOf?: AccountId;
  /** Of what belongs to no space, the kinds that the watcher may see, the word before the dot of an event's type; undefined: all of them. */
  readonly kinds?: ReadonlySet<string>;
}

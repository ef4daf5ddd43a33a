import type { Fleet, FleetNode } from '../../engine/fleet.ts';
import type { NodeId, SessionId, SpaceId } from '../../engine/ids.ts';
import type { Requests, SessionRow } from '../rows.ts';

/** Callers that wait for room: of one space, and in all. */
export const MAX_WAITING = { space: 100, all: 1000 } as const;

export interface InQueue {
  readonly spaceId: SpaceId;
  readonly constraints: SessionRow['constraints'];
  /** The only node that can serve it. */
  readonly onlyOn?: NodeId | undefined;
  /** Whether it wakes a session, and so can use the room that nodes reserve for that. */
  readonly wakes?: boolean | undefined;
  /** The session that it resumes or copies. */
  readonly sessionId?: SessionId | undefined;
}

/** A share of a space, and who waits for more. */
export type ShareOf = (space: SpaceId) => number;

/**
 * Callers that wait for room, and whose turn it is.
 * 1. Callers of one space with the same constraints are served in order of arrival: one that needs
 *    little does not overtake one that needs much. Those that need one node, where their files are,
 *    are an order of their own: one that can go anywhere does not hold them up. So are those that
 *    wake a session: one that cannot use the reserved room does not hold them up.
 * 2. Among the first of each order that fit, the caller of the space with the smallest share of the
 *    cluster is next (dominant resource fairness: Ghodsi et al., 2011), then the one that waits
 *    longest. One that does not fit holds up nobody else.
 */
export class WaitQueue<Entry extends InQueue> {
  /** By space, and node or constraints; in order of arrival. */
  readonly #lanes = new Map<string, Entry[]>();
  readonly #ofSpace = new Map<SpaceId, number>();
  readonly #ofSession = new Map<SessionId, Set<Entry>>();
  readonly #numbers = new Map<Entry, number>();
  #last = 0;

  get size(): number {
    return this.#numbers.size;
  }

  has(entry: Entry): boolean {
    return this.#numbers.has(entry);
  }

  /** Returns the first caller of the same order. */
  ahead(entry: InQueue): Entry | undefined {
    return this.#lanes.get(laneOf(entry))?.[0];
  }

  /** Yields the first caller of each order. */
  *firsts(): Generator<Entry> {
    for (const [entry] of this.#lanes.values()) if (entry !== undefined) yield entry;
  }

  /** Returns the callers that resume or copy a session. */
  ofSession(id: SessionId): Iterable<Entry> {
    return this.#ofSession.get(id) ?? [];
  }

  /** Returns the bound that refuses another caller of this space. */
  fullOf(space: SpaceId): keyof typeof MAX_WAITING | undefined {
    if ((this.#ofSpace.get(space) ?? 0) >= MAX_WAITING.space) return 'space';
    return this.size >= MAX_WAITING.all ? 'all' : undefined;
  }

  /** `fullOf` its space must be undefined. */
  add(entry: Entry): void {
    const lane = laneOf(entry);
    const before = this.#lanes.get(lane);
    if (before === undefined) this.#lanes.set(lane, [entry]);
    else before.push(entry);
    this.#last += 1;
    this.#numbers.set(entry, this.#last);
    this.#ofSpace.set(entry.spaceId, (this.#ofSpace.get(entry.spaceId) ?? 0) + 1);
    if (entry.sessionId === undefined) return;
    const others = this.#ofSession.get(entry.sessionId);
    if (others === undefined) this.#ofSession.set(entry.sessionId, new Set([entry]));
    else others.add(entry);
  }

  /** Returns the caller that is first in its order now, if this one was. */
  remove(entry: Entry): Entry | undefined {
    if (!this.#numbers.delete(entry)) return undefined;
    const left = (this.#ofSpace.get(entry.spaceId) ?? 1) - 1;
    if (left === 0) this.#ofSpace.delete(entry.spaceId);
    else this.#ofSpace.set(entry.spaceId, left);
    this.#removeOfSession(entry);
    const lane = laneOf(entry);
    const entries = this.#lanes.get(lane) ?? [];
    const wasFirst = entries[0] === entry;
    const others = entries.filter((one) => one !== entry);
    if (others.length === 0) this.#lanes.delete(lane);
    else this.#lanes.set(lane, others);
    return wasFirst ? others[0] : undefined;
  }

  #removeOfSession(entry: Entry): void {
    if (entry.sessionId === undefined) return;
    const others = this.#ofSession.get(entry.sessionId);
    others?.delete(entry);
    if (others?.size === 0) this.#ofSession.delete(entry.sessionId);
  }

  /** Returns the caller whose turn it is, of those that `fits` accepts. */
  next(fits: (entry: Entry) => boolean, share: ShareOf): Entry | undefined {
    let best: { readonly entry: Entry; readonly share: number; readonly number: number } | undefined;
    for (const entry of this.firsts()) {
      const candidate = { entry, share: share(entry.spaceId), number: this.#numbers.get(entry) ?? 0 };
      if (best !== undefined && !isBefore(candidate, best)) continue;
      if (fits(entry)) best = candidate;
    }
    return best?.entry;
  }
}

interface Turn {
  readonly share: number;
  readonly number: number;
}

const isBefore = (one: Turn, other: Turn): boolean => (one.share === other.share ? one.number < other.number : one.share < other.share);

const laneOf = ({ spaceId, constraints, onlyOn, wakes = false }: InQueue): string =>
  `${spaceId} ${wakes ? 'wakes ' : ''}${onlyOn ?? JSON.stringify(constraints)}`;

/** Returns the larger of the shares that these requests have of all CPU and of all memory. */
export const dominantShare = (used: Requests, all: Requests): number =>
  Math.max(used.cpuMillis / Math.max(1, all.cpuMillis), used.memoryBytes / Math.max(1, all.memoryBytes));

/** Returns the shares of spaces of what these nodes have. */
export function sharesOf(fleet: Pick<Fleet, 'spaceUse'>, nodes: readonly FleetNode[]): ShareOf {
  const all = { cpuMillis: 0, memoryBytes: 0 };
  for (const { cpuMillis, memoryBytes } of nodes) {
    all.cpuMillis += cpuMillis;
    all.memoryBytes += memoryBytes;
  }
  return (space) => dominantShare(fleet.spaceUse(space), all);
}

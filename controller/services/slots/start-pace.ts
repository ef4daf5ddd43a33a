import type { Clock } from '../../../seams/clock.ts';
import type { NodeId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { SlotRow } from '../../domain/slots/rows.ts';

/** A node rests as long as its last slot took to start, within these bounds: half of its time is for sessions alone. */
const REST = { leastMs: 250, mostMs: 10_000 };
/** After a slot that failed, its space waits, twice as long after each further one. */
const RETRY = { firstMs: 5_000, mostMs: 300_000 };

/** A space tries other nodes first for so long after a slot of it failed on one. */
const AVOIDED_MS = 600_000;

interface Known {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
  readonly sinceMs: number;
  isReady: boolean;
}

/** For so long, a session that starts keeps its node from starting slots. */
const SESSION_FIRST_MS = 60_000;

/**
 * Paces the start of slots: one at a time on each node, with rests between them, none while sessions start there, and less often
 * in a space where they fail. Times are monotonic milliseconds.
 */
export class StartPace {
  readonly #clock: Clock;
  readonly #slots = new Map<SessionId, Known>();
  /** How many slots start on each node. */
  readonly #starting = new Map<NodeId, number>();
  /** Sessions that start, and since when. */
  readonly #sessions = new Map<NodeId, Map<SessionId, number>>();
  readonly #restsUntil = new Map<NodeId, number>();
  readonly #failures = new Map<SpaceId, { count: number; untilMs: number }>();

  /** Nodes where slots of a space failed, and until when it avoids them. */
  readonly #avoided = new Map<SpaceId, Map<NodeId, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of slots that can be claimed, and of those that start. */
  get counts(): { readonly ready: number; readonly starting: number } {
    const starting = [...this.#starting.values()].reduce((sum, count) => sum + count, 0);
    return { ready: this.#slots.size - starting, starting };
  }

  /** Takes the committed row of a slot. Returns whether it is new, or became ready. */
  changed({ id, spaceId, nodeId, phase }: SlotRow): boolean {
    const nowMs = this.#clock.monotonic();
    const isReady = phase === 'running';
    const known = this.#slots.get(id);
    if (known === undefined) {
      this.#slots.set(id, { spaceId, nodeId, sinceMs: nowMs, isReady });
      if (!isReady) this.#count(nodeId, 1);
      return true;
    }
    if (known.isReady === isReady) return false;
    known.isReady = isReady;
    this.#count(nodeId, isReady ? -1 : 1);
    if (isReady) {
      this.#restsUntil.set(nodeId, nowMs + Math.min(REST.mostMs, Math.max(REST.leastMs, nowMs - known.sinceMs)));
      this.#failures.delete(spaceId);
    }
    return isReady;
  }

  /** Takes the committed row of a session. Returns whether its node has no more session to start. */
  session({ id, nodeId, desired, phase }: SessionRow): boolean {
    if (nodeId === null) return false;
    const there = this.#sessions.get(nodeId);
    if (desired === 'running' && (phase === 'none' || phase === 'starting')) {
      if (there === undefined) this.#sessions.set(nodeId, new Map([[id, this.#clock.monotonic()]]));
      else if (!there.has(id)) there.set(id, this.#clock.monotonic());
      return false;
    }
    if (there?.delete(id) !== true || there.size > 0) return false;
    return this.#sessions.delete(nodeId);
  }

  /** A slot was claimed or given up. Returns its space. */
  ended(id: SessionId): SpaceId | undefined {
    const known = this.#slots.get(id);
    if (known === undefined) return undefined;
    this.#slots.delete(id);
    if (!known.isReady) this.#count(known.nodeId, -1);
    return known.spaceId;
  }

  /** A slot failed on this node, because of the node or of its space's agents. */
  failed({ spaceId, nodeId }: Pick<SlotRow, 'spaceId' | 'nodeId'>): void {
    const count = (this.#failures.get(spaceId)?.count ?? 0) + 1;
    const delayMs = Math.min(RETRY.mostMs, RETRY.firstMs * 2 ** (count - 1));
    this.#failures.set(spaceId, { count, untilMs: this.#clock.monotonic() + delayMs });
    this.avoid({ spaceId, nodeId });
  }

  /** A slot did not get ready on this node. */
  avoid({ spaceId, nodeId }: Pick<SlotRow, 'spaceId' | 'nodeId'>): void {
    const nodes = this.#avoided.get(spaceId) ?? new Map<NodeId, number>();
    this.#avoided.set(spaceId, nodes.set(nodeId, this.#clock.monotonic() + AVOIDED_MS));
  }

  /** Returns the nodes that a space uses only if no other one has room. */
  avoidedBy(spaceId: SpaceId): ReadonlySet<NodeId> {
    const nodes = this.#avoided.get(spaceId);
    for (const [id, untilMs] of nodes ?? []) if (untilMs <= this.#clock.monotonic()) nodes?.delete(id);
    if (nodes?.size === 0) this.#avoided.delete(spaceId);
    return new Set(nodes?.keys());
  }

  forget(spaceId: SpaceId): void {
    this.#failures.delete(spaceId);
    this.#avoided.delete(spaceId);
  }

  /** Returns for how long a space starts none, because its last ones failed. */
  restMs(spaceId: SpaceId): number {
    return Math.max(0, (this.#failures.get(spaceId)?.untilMs ?? 0) - this.#clock.monotonic());
  }

  isFree(nodeId: NodeId): boolean {
    const nowMs = this.#clock.monotonic();
    for (const [id, sinceMs] of this.#sessions.get(nodeId) ?? []) {
      if (nowMs - sinceMs < SESSION_FIRST_MS) return false;
      this.#sessions.get(nodeId)?.delete(id);
    }
    return this.#starting.get(nodeId) === undefined && (this.#restsUntil.get(nodeId) ?? 0) <= nowMs;
  }

  /** Returns when the first node has rested; undefined: none rests. */
  untilFreeMs(): number | undefined {
    const nowMs = this.#clock.monotonic();
    let firstMs: number | undefined;
    for (const [nodeId, untilMs] of this.#restsUntil) {
      if (untilMs <= nowMs) this.#restsUntil.delete(nodeId);
      else firstMs = Math.min(firstMs ?? untilMs, untilMs);
    }
    return firstMs === undefined ? undefined : firstMs - nowMs;
  }

  /** Returns the spaces with slots on a node. */
  spacesOn(nodeId: NodeId): ReadonlySet<SpaceId> {
    const spaces = new Set<SpaceId>();
    for (const slot of this.#slots.values()) if (slot.nodeId === nodeId) spaces.add(slot.spaceId);
    return spaces;
  }

  #count(nodeId: NodeId, change: 1 | -1): void {
    const count = (this.#starting.get(nodeId) ?? 0) + change;
    if (count === 0) this.#starting.delete(nodeId);
    else this.#starting.set(nodeId, count);
  }
}

import type { FleetNode, SlotUse, SpaceUse } from '../../domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import type { RowView } from '../../domain/engine/view.ts';
import type { NodeView } from '../../domain/nodes/view.ts';
import { occupiesRoom } from '../../domain/sessions/life-cycle.ts';
import type { Requests, SessionRow } from '../../domain/sessions/rows.ts';
import { GUEST_PROCESSES } from '../../domain/sessions/session-sizes.ts';
import type { SessionView } from '../../domain/sessions/view.ts';
import type { SlotRow } from '../../domain/slots/rows.ts';
import { sessionOf } from '../../domain/slots/slot.ts';
import type { SlotView } from '../../domain/slots/view.ts';

interface Use {
  /** Sums of requests. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly sessions: number;
  /** Sums of limits. */
  readonly maxMemoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
}

const NONE: Use = { cpuMillis: 0, memoryBytes: 0, sessions: 0, maxMemoryBytes: 0, diskBytes: 0, processes: 0 };

/** A session without a container still has its disk until it is deleted. */
function onNode(session: SessionRow): Use | undefined {
  if (session.desired === 'deleted') return undefined;
  const { diskBytes, memoryBytes: maxMemoryBytes, processes } = session.limits;
  if (!occupiesRoom(session)) return { ...NONE, diskBytes };
  return { ...session.requests, sessions: 1, maxMemoryBytes, diskBytes, processes: processes + GUEST_PROCESSES };
}

/** A session that takes up no room still counts for its space, until it is deleted. */
function inSpace(session: SessionRow): Use | undefined {
  const use = onNode(session);
  return use && { ...use, sessions: 1 };
}

/** Whether two rows of a session surely take up the same: most changes are of its messages. */
const isSameUse = (one: SessionRow, other: SessionRow): boolean =>
  one.nodeId === other.nodeId &&
  one.spaceId === other.spaceId &&
  one.desired === other.desired &&
  one.limits === other.limits &&
  one.requests === other.requests;

const add = (use: Use, more: Use, sign: 1 | -1): Use => ({
  cpuMillis: use.cpuMillis + sign * more.cpuMillis,
  memoryBytes: use.memoryBytes + sign * more.memoryBytes,
  sessions: use.sessions + sign * more.sessions,
  maxMemoryBytes: use.maxMemoryBytes + sign * more.maxMemoryBytes,
  diskBytes: use.diskBytes + sign * more.diskBytes,
  processes: use.processes + sign * more.processes,
});

const isLess = (use: Use = NONE, before: Use = NONE): boolean => USES.some((what) => use[what] < before[what]);
const USES = ['cpuMillis', 'memoryBytes', 'sessions', 'maxMemoryBytes', 'diskBytes', 'processes'] as const;

const slots = (of: SpaceId | NodeId) => `slots ${of}`;
const pair = (space: SpaceId, node: NodeId) => `${space} ${node}`;

const ROWS_AT_ONCE = 500;

type Nodes = Pick<NodeView, 'nodes' | 'removedNodes'>;

/** Yields all placed sessions. Failed ones of a removed node still count for their space. */
export const placedSessions = (view: Nodes & Pick<SessionView, 'sessionsOnAfter'>): Generator<SessionRow> =>
  onAllNodes(view, view.sessionsOnAfter);

/** Yields all slots. */
export const placedSlots = (view: Nodes & Pick<SlotView, 'slotsOnAfter'>): Generator<SlotRow> => onAllNodes(view, view.slotsOnAfter);

/** Reads page by page, because the rows can exceed the memory. */
function* onAllNodes<Row extends { readonly id: string }>(
  view: Nodes,
  read: (node: NodeId, after: string, limit: number) => readonly Row[],
): Generator<Row> {
  for (const { id } of [...view.nodes(), ...view.removedNodes()]) {
    let after = '';
    for (;;) {
      const rows = read(id, after, ROWS_AT_ONCE);
      yield* rows;
      after = rows.at(-1)?.id ?? after;
      if (rows.length < ROWS_AT_ONCE) break;
    }
  }
}

/**
 * Counts what the sessions of each node and space take up: a fold over the session rows, in memory.
 * Changes of a batch are kept in an overlay, which a failed command or COMMIT drops.
 *
 * Invariant: without an overlay, a node's use is the sum of the requests and limits of its sessions
 * that occupy room, and of the disks of all. What slots take up is counted apart.
 */
export class Capacity {
  /** By node id, space id, or both; ids are UUIDs. */
  readonly #committed = new Map<string, Use>();
  /** Nodes on which some use became less, committed or not. */
  #freed = new Set<NodeId>();
  /** One layer for the batch, one for the current command. */
  #layers: Map<string, Use>[] = [];
  /** Told what uses change, committed or not: ids of nodes, and of others. */
  onChanged: ((id: string) => void) | undefined;

  constructor(sessions: Iterable<SessionRow>, allSlots: Iterable<SlotRow> = []) {
    for (const session of sessions) this.change(undefined, session);
    for (const slot of allSlots) this.changeSlot(undefined, slot);
  }

  ofNode(id: NodeId): Pick<FleetNode, 'requested' | 'sessions' | 'limited' | 'slots'> {
    return { requested: this.requestedOn(id), sessions: this.sessionsOn(id), limited: this.limitedOn(id), slots: this.slotsOf(id) };
  }

  requestedOn(id: NodeId): Requests {
    const { cpuMillis, memoryBytes } = this.#use(id);
    return { cpuMillis, memoryBytes };
  }

  sessionsOn(id: NodeId): number {
    return this.#use(id).sessions;
  }

  limitedOn(id: NodeId): FleetNode['limited'] {
    const { maxMemoryBytes: memoryBytes, diskBytes, processes } = this.#use(id);
    return { memoryBytes, diskBytes, processes };
  }

  /** Returns what the slots on a node or of a space take up. */
  slotsOf(id: NodeId | SpaceId): SlotUse {
    const { sessions: count, ...use } = this.#use(slots(id));
    return { ...use, count };
  }

  ofSpace(id: SpaceId): SpaceUse {
    return this.#use(id);
  }

  /** Returns how many sessions of a space are on a node, including those without a container. */
  ofSpaceOn(space: SpaceId, node: NodeId): number {
    return this.#use(pair(space, node)).sessions;
  }

  /** Accounts for a mutation that is about to be applied to the rows of `view`. */
  count(mutation: Mutation, view: RowView): void {
    if (mutation.kind === 'put' && mutation.table === 'sessions') this.change(view.get('sessions', mutation.row.id), mutation.row);
    if (mutation.kind === 'put' && mutation.table === 'slots') this.changeSlot(view.get('slots', mutation.row.id), mutation.row);
    if (mutation.kind === 'remove' && mutation.table === 'slots') this.changeSlot(view.get('slots', mutation.id), undefined);
  }

  /** Accounts for a session row that became another (undefined: none). */
  change(before: SessionRow | undefined, after: SessionRow | undefined): void {
    if (before !== undefined && after !== undefined && isSameUse(before, after)) return;
    if (before !== undefined) this.#account(before, -1);
    if (after !== undefined) this.#account(after, 1);
    if (before?.nodeId != null && isLess(after === undefined ? undefined : onNode(after), onNode(before))) this.#freed.add(before.nodeId);
  }

  /** Returns whether room can have come free on a node since `takeFreed`. */
  isFreed(id: NodeId): boolean {
    return this.#freed.has(id);
  }

  /** Returns the nodes on which room can have come free since the last call. */
  takeFreed(): ReadonlySet<NodeId> {
    const freed = this.#freed;
    if (freed.size > 0) this.#freed = new Set();
    return freed;
  }

  /** Accounts for a slot that became another (undefined: none). */
  changeSlot(before: SlotRow | undefined, after: SlotRow | undefined): void {
    for (const [slot, sign] of [
      [before, -1],
      [after, 1],
    ] as const) {
      if (slot === undefined) continue;
      const use = onNode(sessionOf(slot));
      this.#add(slots(slot.nodeId), use, sign);
      this.#add(slots(slot.spaceId), use, sign);
    }
  }

  #account(session: SessionRow, sign: 1 | -1): void {
    if (session.nodeId !== null) {
      this.#add(session.nodeId, onNode(session), sign);
      this.onChanged?.(session.nodeId);
      this.#add(pair(session.spaceId, session.nodeId), inSpace(session), sign);
    }
    this.#add(session.spaceId, inSpace(session), sign);
  }

  #add(key: string, more: Use | undefined, sign: 1 | -1): void {
    if (more !== undefined) this.#set(key, add(this.#use(key), more, sign));
  }

  begin(): void {
    this.#layers.push(new Map());
  }

  /** Folds the newest layer into the one below it, or into the committed state. */
  keep(): void {
    const layer = this.#layers.pop();
    for (const [key, use] of layer ?? []) this.#set(key, use);
  }

  drop(): void {
    const layer = this.#layers.pop();
    for (const id of layer?.keys() ?? []) this.onChanged?.(id);
  }

  #use(key: string): Use {
    for (let at = this.#layers.length - 1; at >= 0; at -= 1) {
      const use = this.#layers[at]?.get(key);
      if (use !== undefined) return use;
    }
    return this.#committed.get(key) ?? NONE;
  }

  #set(key: string, use: Use): void {
    const layer = this.#layers.at(-1);
    if (layer !== undefined) layer.set(key, use);
    // Spaces come and go, and each leaves a pair with every node that it has been on.
    else if (use.sessions === 0 && use.diskBytes === 0) this.#committed.delete(key);
    else this.#committed.set(key, use);
  }
}

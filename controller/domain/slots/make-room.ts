/**
 * Slots give way. A session finds the room of all slots free, and in the same commit as many slots
 * end as its node or its space now has too many.
 */
import type { Fleet, FleetNode } from '../engine/fleet.ts';
import type { NodeId, SpaceId } from '../engine/ids.ts';
import type { Mutation } from '../engine/mutation.ts';
import type { View } from '../engine/view.ts';
import { occupiesRoom } from '../sessions/life-cycle.ts';
import { GUEST_PROCESSES } from '../sessions/session-sizes.ts';
import { quotasIn } from '../spaces/space-settings.ts';
import type { SlotRow } from './rows.ts';
import { slotEnds } from './slot.ts';

/** Slots of a node that are read at once. */
const READ_AT_ONCE = 256;

export type RoomView = Pick<View, 'get' | 'slotsIn' | 'slotsOnAfter'>;

/** Returns a node with its slots counted as sessions. */
export function withSlots(node: FleetNode): FleetNode {
  const { requested, limited, slots } = node;
  if (slots === undefined || slots.count === 0) return node;
  return {
    ...node,
    sessions: node.sessions + slots.count,
    requested: { cpuMillis: requested.cpuMillis + slots.cpuMillis, memoryBytes: requested.memoryBytes + slots.memoryBytes },
    limited: {
      memoryBytes: limited.memoryBytes + slots.maxMemoryBytes,
      diskBytes: limited.diskBytes + slots.diskBytes,
      processes: limited.processes + slots.processes,
    },
  };
}

/** Returns the slots that must end because of these changes, with what ends them. Call it once the changes are applied. */
export function makeRoom(mutations: readonly Mutation[], view: RoomView, fleet: Fleet, now: number): readonly Mutation[] {
  const ended: Mutation[] = [];
  for (const node of grownNodes(mutations)) ended.push(...endOnNode(node, view, fleet, now));
  for (const space of grownSpaces(mutations)) ended.push(...endInSpace(space, view, fleet, now, new Set(ended.flatMap(idOf))));
  return ended;
}

const idOf = (mutation: Mutation): string[] => (mutation.kind === 'remove' && mutation.table === 'slots' ? [mutation.id] : []);

function grownNodes(mutations: readonly Mutation[]): ReadonlySet<NodeId> {
  const nodes = new Set<NodeId>();
  for (const mutation of mutations) {
    if (mutation.kind !== 'put' || mutation.table !== 'sessions' || !occupiesRoom(mutation.row)) continue;
    if (mutation.row.nodeId !== null) nodes.add(mutation.row.nodeId);
  }
  return nodes;
}

function grownSpaces(mutations: readonly Mutation[]): ReadonlySet<SpaceId> {
  const spaces = new Set<SpaceId>();
  for (const mutation of mutations) {
    if (mutation.kind !== 'put') continue;
    if (mutation.table === 'spaces') spaces.add(mutation.row.id);
    if (mutation.table === 'sessions' && occupiesRoom(mutation.row)) spaces.add(mutation.row.spaceId);
  }
  return spaces;
}

function endOnNode(id: NodeId, view: RoomView, fleet: Fleet, now: number): readonly Mutation[] {
  const node = fleet.node(id);
  if (node?.slots === undefined || node.slots.count === 0) return [];
  const ended: Mutation[] = [];
  let left = withSlots(node);
  if (!isOver(left, fleet)) return [];
  let after = '';
  for (;;) {
    const slots = view.slotsOnAfter(id, after, READ_AT_ONCE);
    for (const slot of leastReadyFirst(slots)) {
      ended.push(...slotEnds(slot, now));
      left = without(left, slot);
      if (!isOver(left, fleet)) return ended;
    }
    if (slots.length < READ_AT_ONCE) return ended;
    after = slots.at(-1)?.id ?? after;
  }
}

/** Whether a node, with its slots counted as sessions, has more than it may. */
export function isOver(node: FleetNode, { sizes }: Pick<Fleet, 'sizes'>): boolean {
  const { requested, limited, bounds, maxSessions } = node;
  const [processes, disk] = [bounds?.processes ?? 0, (bounds?.diskBytes ?? 0) * sizes.diskOvercommit];
  const memory = node.memoryBytes * sizes.memoryOvercommit;
  return (
    requested.cpuMillis > node.cpuMillis ||
    requested.memoryBytes > node.memoryBytes ||
    (maxSessions > 0 && node.sessions > maxSessions) ||
    (processes > 0 && limited.processes > processes) ||
    (memory > 0 && limited.memoryBytes > memory) ||
    (disk > 0 && limited.diskBytes > disk)
  );
}

function without(node: FleetNode, { requests, limits }: SlotRow): FleetNode {
  const { requested, limited } = node;
  return {
    ...node,
    sessions: node.sessions - 1,
    requested: { cpuMillis: requested.cpuMillis - requests.cpuMillis, memoryBytes: requested.memoryBytes - requests.memoryBytes },
    limited: {
      memoryBytes: limited.memoryBytes - limits.memoryBytes,
      diskBytes: limited.diskBytes - limits.diskBytes,
      processes: limited.processes - limits.processes - GUEST_PROCESSES,
    },
  };
}

function endInSpace(id: SpaceId, view: RoomView, fleet: Fleet, now: number, ended: ReadonlySet<string>): readonly Mutation[] {
  const slots = fleet.slotUse(id);
  if (slots.count === 0) return [];
  const settings = view.get('spaces', id)?.settings;
  const quotas = settings === undefined ? undefined : quotasIn(settings);
  const use = fleet.spaceUse(id);
  const most = {
    cpuMillis: Math.round((quotas?.cpu ?? Number.POSITIVE_INFINITY) * 1000),
    memoryBytes: quotas?.memory_bytes ?? Number.POSITIVE_INFINITY,
  };
  // Every message changes a session, so the slots themselves are read only if some of them must end.
  if (use.cpuMillis + slots.cpuMillis <= most.cpuMillis && use.memoryBytes + slots.memoryBytes <= most.memoryBytes) return [];
  const left = leastReadyFirst(view.slotsIn(id)).filter((slot) => !ended.has(slot.id));
  let cpuMillis = use.cpuMillis + sum(left, ({ requests }) => requests.cpuMillis);
  let memoryBytes = use.memoryBytes + sum(left, ({ requests }) => requests.memoryBytes);
  const mutations: Mutation[] = [];
  for (const slot of left) {
    if (cpuMillis <= most.cpuMillis && memoryBytes <= most.memoryBytes) break;
    mutations.push(...slotEnds(slot, now));
    cpuMillis -= slot.requests.cpuMillis;
    memoryBytes -= slot.requests.memoryBytes;
  }
  return mutations;
}

const sum = (slots: readonly SlotRow[], of: (slot: SlotRow) => number): number => slots.reduce((total, slot) => total + of(slot), 0);

/** What has cost least so far ends first: slots that still start, then the newest. */
export const leastReadyFirst = (slots: readonly SlotRow[]): readonly SlotRow[] =>
  slots.toSorted(
    (a, b) => Number(a.phase === 'running') - Number(b.phase === 'running') || b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1),
  );

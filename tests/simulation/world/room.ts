import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import type { SlotRow } from '../../../controller/domain/slots/rows.ts';

/** Room that sessions use on a node, or in a space. */
export interface Room {
  sessions: number;
  cpuMillis: number;
  memoryBytes: number;
  /** Sums of limits: memory and processes of running sessions with their guests; disks of all. */
  maxMemoryBytes: number;
  diskBytes: number;
  processes: number;
}

const NOTHING: Room = { sessions: 0, cpuMillis: 0, memoryBytes: 0, maxMemoryBytes: 0, diskBytes: 0, processes: 0 };

/** Computed independently, so that a fault in the product's arithmetic is not repeated here. */
export const takesRoom = ({ nodeId, desired }: SessionRow): boolean => nodeId !== null && ['running', 'paused'].includes(desired);

/**
 * Returns the room in use, computed from all rows. A space counts every session that is not
 * deleted; only running sessions use room.
 */
export class Rooms {
  readonly #rows = new Map<string, SessionRow>();
  readonly slots = new Map<string, SlotRow>();

  constructor(rows: Iterable<SessionRow> = [], slots: Iterable<SlotRow> = []) {
    for (const row of rows) this.#rows.set(row.id, row);
    for (const slot of slots) this.slots.set(slot.id, slot);
  }

  row(id: string): SessionRow | undefined {
    return this.#rows.get(id);
  }

  apply(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'sessions') this.#rows.set(mutation.row.id, mutation.row);
      if (mutation.kind === 'remove' && mutation.table === 'sessions') this.#rows.delete(mutation.id);
      if (mutation.kind === 'put' && mutation.table === 'slots') this.slots.set(mutation.row.id, mutation.row);
      if (mutation.kind === 'remove' && mutation.table === 'slots') this.slots.delete(mutation.id);
    }
  }

  /** The same with these changes, which can still be rolled back. */
  with(mutations: readonly Mutation[]): Rooms {
    const changed = new Rooms(this.#rows.values(), this.slots.values());
    changed.apply(mutations);
    return changed;
  }

  onNode(id: string): Room {
    const room = { ...NOTHING };
    for (const row of this.#rows.values()) {
      if (row.nodeId !== id || row.desired === 'deleted') continue;
      if (takesRoom(row)) add(room, row, true);
      else room.diskBytes += row.limits.diskBytes;
    }
    return room;
  }

  /** What the slots on a node, or of a space, take up besides its sessions. */
  ofSlots(id: string): Room {
    const room = { ...NOTHING };
    for (const slot of this.slots.values()) if (slot.nodeId === id || slot.spaceId === id) add(room, slot, true);
    return room;
  }

  ofSpaceOn(space: string, node: string): number {
    let count = 0;
    for (const { spaceId, nodeId, desired } of this.#rows.values())
      if (spaceId === space && nodeId === node && desired !== 'deleted') count += 1;
    return count;
  }

  inSpace(id: string): Room {
    const room = { ...NOTHING };
    for (const row of this.#rows.values()) if (row.spaceId === id && row.desired !== 'deleted') add(room, row, takesRoom(row));
    return room;
  }
}

function add(room: Room, { requests, limits }: Pick<SessionRow, 'requests' | 'limits'>, isUp: boolean): void {
  room.sessions += 1;
  room.diskBytes += limits.diskBytes;
  if (!isUp) return;
  room.cpuMillis += requests.cpuMillis;
  room.memoryBytes += requests.memoryBytes;
  room.maxMemoryBytes += limits.memoryBytes;
  room.processes += limits.processes + 64;
}

import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';

/** What sessions take up of a node, or of a space. */
export interface Room {
  sessions: number;
  cpuMillis: number;
  memoryBytes: number;
  /** Sums of limits: memory and processes of those that are up, with their guests; disks of all. */
  maxMemoryBytes: number;
  diskBytes: number;
  processes: number;
}

const NOTHING: Room = { sessions: 0, cpuMillis: 0, memoryBytes: 0, maxMemoryBytes: 0, diskBytes: 0, processes: 0 };

/** Said here again in its own words, so that a fault of the product's arithmetic is not repeated by whoever judges it. */
export const takesRoom = ({ nodeId, desired }: SessionRow): boolean => nodeId !== null && ['running', 'paused'].includes(desired);

/** What is taken up, added up anew from all rows each time. A space counts every session that is not deleted; room is taken by those alone that are up. */
export class Rooms {
  readonly #rows = new Map<string, SessionRow>();

  constructor(rows: Iterable<SessionRow> = []) {
    for (const row of rows) this.#rows.set(row.id, row);
  }

  row(id: string): SessionRow | undefined {
    return this.#rows.get(id);
  }

  apply(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'sessions') this.#rows.set(mutation.row.id, mutation.row);
      if (mutation.kind === 'remove' && mutation.table === 'sessions') this.#rows.delete(mutation.id);
    }
  }

  /** The same with these changes, which may still be taken back. */
  with(mutations: readonly Mutation[]): Rooms {
    const changed = new Rooms(this.#rows.values());
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

  inSpace(id: string): Room {
    const room = { ...NOTHING };
    for (const row of this.#rows.values()) if (row.spaceId === id && row.desired !== 'deleted') add(room, row, takesRoom(row));
    return room;
  }
}

function add(room: Room, { requests, limits }: SessionRow, isUp: boolean): void {
  room.sessions += 1;
  room.diskBytes += limits.diskBytes;
  if (!isUp) return;
  room.cpuMillis += requests.cpuMillis;
  room.memoryBytes += requests.memoryBytes;
  room.maxMemoryBytes += limits.memoryBytes;
  room.processes += limits.processes + 64;
}

import type { Fleet, FleetNode } from '../../../controller/domain/engine/fleet.ts';
import type { SpaceId } from '../../../controller/domain/engine/ids.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import type { SlotRow } from '../../../controller/domain/slots/rows.ts';
import { type Room, Rooms } from './room.ts';
import { SIZES } from './sizes.ts';
import { SPACES } from './store.ts';

const WHAT = ['sessions', 'cpuMillis', 'memoryBytes', 'maxMemoryBytes', 'diskBytes', 'processes'] as const;

/**
 * Compares a controller's counts of its nodes and spaces with the rows, after every command and
 * commit.
 */
export class RoomAudit {
  readonly #rooms: Rooms;
  readonly #violation: (what: string) => void;
  #fleet: Fleet | undefined;

  constructor(rows: Iterable<SessionRow>, slots: Iterable<SlotRow>, violation: (what: string) => void) {
    this.#rooms = new Rooms(rows, slots);
    this.#violation = violation;
  }

  /** Sets what is checked. */
  of(fleet: Fleet): void {
    this.#fleet = fleet;
    this.#judge(this.#rooms, 'at its start');
  }

  /** Called when a command is decided, with the changes of its batch so far. */
  decided(pending: readonly Mutation[]): void {
    this.#judge(this.#rooms.with(pending), 'after a command');
  }

  committed(mutations: readonly Mutation[]): void {
    this.#rooms.apply(mutations);
    this.#judge(this.#rooms, 'after a commit');
  }

  #judge(rooms: Rooms, when: string): void {
    if (this.#fleet === undefined) return;
    for (const node of this.#fleet.nodes()) {
      const { id, name, sessions, requested, limited, slots } = node;
      const { memoryBytes: maxMemoryBytes, diskBytes, processes } = limited;
      const { count = 0, ...ofSlots } = slots ?? {};
      this.#compare(`the slots of ${name}`, { sessions: count, ...ofSlots }, rooms.ofSlots(id), when);
      const over = count === 0 ? undefined : tooMuch(node, sumOf(rooms.onNode(id), rooms.ofSlots(id)));
      if (over !== undefined) this.#violation(`${name} has ${count} slots ${when}, with which it has too much: ${over}`);
      this.#compare(name, { sessions, ...requested, maxMemoryBytes, diskBytes, processes }, rooms.onNode(id), when);
    }
    for (const { id, name } of SPACES) {
      const { count, ...ofSlots } = this.#fleet.slotUse(id as SpaceId);
      this.#compare(name, this.#fleet.spaceUse(id as SpaceId), rooms.inSpace(id), when);
      this.#compare(`the slots of ${name}`, { sessions: count, ...ofSlots }, rooms.ofSlots(id), when);
    }
  }

  #compare(name: string, counted: Partial<Room>, is: Room, when: string): void {
    for (const what of WHAT)
      if (counted[what] !== undefined && counted[what] !== is[what])
        this.#violation(`${name} is counted with ${what} ${counted[what]} ${when}, its rows have ${is[what]}`);
  }
}

function sumOf(one: Room, other: Room): Room {
  const sum = { ...one };
  for (const what of WHAT) sum[what] += other[what];
  return sum;
}

/** Slots give way: a node with slots never has more than it may. Does not use the product's own comparison. */
function tooMuch({ cpuMillis, memoryBytes, maxSessions, bounds }: FleetNode, use: Room): string | undefined {
  const within: Readonly<Record<keyof Room, number>> = {
    ...{ sessions: maxSessions, cpuMillis, memoryBytes, maxMemoryBytes: memoryBytes * SIZES.memoryOvercommit },
    ...{ processes: bounds?.processes ?? 0, diskBytes: (bounds?.diskBytes ?? 0) * SIZES.diskOvercommit },
  };
  const what = WHAT.find((one) => within[one] > 0 && use[one] > within[one]);
  return what && `${what} ${use[what]} of ${within[what]}`;
}

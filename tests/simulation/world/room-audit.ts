import type { Fleet } from '../../../controller/domain/engine/fleet.ts';
import type { SpaceId } from '../../../controller/domain/engine/ids.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import { type Room, Rooms } from './room.ts';
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

  constructor(rows: Iterable<SessionRow>, violation: (what: string) => void) {
    this.#rooms = new Rooms(rows);
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
    for (const { id, name, sessions, requested, limited } of this.#fleet.nodes()) {
      const { memoryBytes: maxMemoryBytes, diskBytes, processes } = limited;
      this.#compare(name, { sessions, ...requested, maxMemoryBytes, diskBytes, processes }, rooms.onNode(id), when);
    }
    for (const { id, name } of SPACES) this.#compare(name, this.#fleet.spaceUse(id as SpaceId), rooms.inSpace(id), when);
  }

  #compare(name: string, counted: Partial<Room>, is: Room, when: string): void {
    for (const what of WHAT)
      if (counted[what] !== undefined && counted[what] !== is[what])
        this.#violation(`${name} is counted with ${what} ${counted[what]} ${when}, its rows have ${is[what]}`);
  }
}

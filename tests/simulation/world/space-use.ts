import { z } from 'zod';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { SpaceRow } from '../../../controller/domain/spaces/rows.ts';
import { Rooms, takesRoom } from './room.ts';

const Settings = z.object({
  quotas: z.object({ sessions: z.number(), cpu: z.number(), memory_bytes: z.number() }).partial().default({}),
  maxima: z.object({ memory_bytes: z.number(), processes: z.number() }).partial().default({}),
});

/**
 * Checks at every commit that no space gets more than its quotas allow. Running sessions continue,
 * whatever the quotas become.
 */
export class SpaceUse {
  readonly #violation: (what: string) => void;
  readonly #spaces = new Map<string, SpaceRow>();
  #rooms = new Rooms();

  constructor(violation: (what: string) => void) {
    this.#violation = violation;
  }

  restored(view: View, sessions: ConstructorParameters<typeof Rooms>[0]): void {
    this.#rooms = new Rooms(sessions);
    for (const id of [...this.#spaces.keys()]) {
      const row = view.get('spaces', id);
      if (row === undefined) this.#spaces.delete(id);
      else this.#spaces.set(id, row);
    }
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'spaces') this.#spaces.set(mutation.row.id, mutation.row);
      if (mutation.kind === 'put' && mutation.table === 'sessions') this.#became(mutation);
    }
  }

  #became(mutation: Extract<Mutation, { kind: 'put'; table: 'sessions' }>): void {
    const { row } = mutation;
    const before = this.#rooms.row(row.id);
    const had = this.#rooms.inSpace(row.spaceId);
    this.#rooms.apply([mutation]);
    const has = this.#rooms.inSpace(row.spaceId);
    const space = this.#spaces.get(row.spaceId);
    // Sessions resumed after the backup of a restored store keep running.
    if (space === undefined || before?.restoredFrom != null) return;
    const { quotas, maxima } = Settings.parse(space.settings);
    const { sessions, cpu, memory_bytes } = quotas;
    const most = {
      sessions: sessions ?? Number.POSITIVE_INFINITY,
      cpuMillis: Math.round((cpu ?? Number.POSITIVE_INFINITY) * 1000),
      memoryBytes: memory_bytes ?? Number.POSITIVE_INFINITY,
    };
    for (const what of ['sessions', 'cpuMillis', 'memoryBytes'] as const)
      if (has[what] > had[what] && has[what] > most[what])
        this.#violation(`${space.name} got ${what} ${has[what]} with ${row.id}, it may have ${most[what]}`);
    const starts = takesRoom(row) && (before === undefined || !takesRoom(before));
    const largest = { memoryBytes: maxima.memory_bytes, processes: maxima.processes };
    for (const what of ['memoryBytes', 'processes'] as const)
      if (starts && row.limits[what] > (largest[what] ?? Number.POSITIVE_INFINITY))
        this.#violation(`${row.id} starts in ${space.name} with ${what} ${row.limits[what]}, which allows ${largest[what]}`);
    if (has.sessions > had.sessions && !space.active) this.#violation(`${space.name} got ${row.id}, and is not active`);
  }
}

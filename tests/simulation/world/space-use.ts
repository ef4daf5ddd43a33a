import { occupiesRoom } from '../../../controller/domain/life-cycle.ts';
import type { Mutation, SessionRow, SpaceRow } from '../../../controller/domain/rows.ts';
import { quotasIn } from '../../../controller/domain/space-settings.ts';
import type { View } from '../../../controller/domain/view.ts';

interface Use {
  sessions: number;
  cpuMillis: number;
  memoryBytes: number;
}

/** Looks at every commit: no space is given more than it may have. What it has already goes on, whatever its quotas have become. */
export class SpaceUse {
  readonly #violation: (what: string) => void;
  readonly #spaces = new Map<string, SpaceRow>();
  readonly #sessions = new Map<string, SessionRow>();
  readonly #use = new Map<string, Use>();

  constructor(violation: (what: string) => void) {
    this.#violation = violation;
  }

  restored(view: View, sessions: Iterable<SessionRow>): void {
    this.#use.clear();
    this.#sessions.clear();
    for (const id of [...this.#spaces.keys()]) {
      const row = view.get('spaces', id);
      if (row === undefined) this.#spaces.delete(id);
      else this.#spaces.set(id, row);
    }
    for (const row of sessions) this.#count(row, 1);
    for (const row of sessions) this.#sessions.set(row.id, row);
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'spaces') this.#spaces.set(mutation.row.id, mutation.row);
      if (mutation.table === 'sessions') this.#became(mutation.row);
    }
  }

  #became(row: SessionRow): void {
    const before = this.#sessions.get(row.id);
    this.#sessions.set(row.id, row);
    const had = { ...this.#of(row.spaceId) };
    this.#count(before, -1);
    this.#count(row, 1);
    const has = this.#of(row.spaceId);
    const space = this.#spaces.get(row.spaceId);
    // What was resumed after the backup from which the store was restored runs on.
    if (space === undefined || before?.restoredFrom != null) return;
    const { sessions, cpu, memory_bytes } = quotasIn(space.settings) ?? {};
    const most: Use = {
      sessions: sessions ?? Number.POSITIVE_INFINITY,
      cpuMillis: Math.round((cpu ?? Number.POSITIVE_INFINITY) * 1000),
      memoryBytes: memory_bytes ?? Number.POSITIVE_INFINITY,
    };
    for (const what of ['sessions', 'cpuMillis', 'memoryBytes'] as const)
      if (has[what] > had[what] && has[what] > most[what])
        this.#violation(`${space.name} got ${what} ${has[what]} with ${row.id}, it may have ${most[what]}`);
    if (has.sessions > had.sessions && !space.active) this.#violation(`${space.name} got ${row.id}, and is not active`);
  }

  #of(spaceId: string): Use {
    const use = this.#use.get(spaceId) ?? { sessions: 0, cpuMillis: 0, memoryBytes: 0 };
    this.#use.set(spaceId, use);
    return use;
  }

  #count(row: SessionRow | undefined, sign: 1 | -1): void {
    if (row === undefined || row.desired === 'deleted') return;
    const use = this.#of(row.spaceId);
    use.sessions += sign;
    if (!occupiesRoom(row)) return;
    use.cpuMillis += sign * row.requests.cpuMillis;
    use.memoryBytes += sign * row.requests.memoryBytes;
  }
}

import { occupiesRoom } from '../../../controller/domain/life-cycle.ts';
import type { Mutation, SessionRow } from '../../../controller/domain/rows.ts';
import type { View } from '../../../controller/domain/view.ts';
import type { Report__Output as Report } from '../../../proto/generated/raworc/node/v0/Report.ts';
import type { Chronicle } from './chronicle.ts';

export interface WitnessOutside {
  readonly chronicle: Chronicle;
  readonly view: () => View;
  readonly violation: (what: string) => void;
}

interface Use {
  cpuMillis: number;
  memoryBytes: number;
  sessions: number;
}

/** Looks at every commit: what may not be true even for a moment. */
export class Witness {
  readonly #outside: WitnessOutside;
  readonly #said = new Set<string>();
  readonly #use = new Map<string, Use>();

  constructor(outside: WitnessOutside) {
    this.#outside = outside;
  }

  /** To be called after the chronicle was told. */
  restored(): void {
    this.#use.clear();
    for (const row of this.#outside.chronicle.sessions.values()) this.#count(row, 1);
  }

  /** A node says so. */
  reported({ sessionId, generation, phase }: Report): void {
    this.#said.add(`${sessionId} ${generation} ${phase.toLowerCase()}`);
  }

  /** To be called before the chronicle is told. */
  committed(mutations: readonly Mutation[]): void {
    const { chronicle } = this.#outside;
    // Within one commit only the last row of each session counts.
    const rows = new Map<string, SessionRow>();
    for (const mutation of mutations) if (mutation.kind === 'put' && mutation.table === 'sessions') rows.set(mutation.row.id, mutation.row);
    for (const row of rows.values()) this.#became(chronicle.sessions.get(row.id), row);
  }

  #became(before: SessionRow | undefined, row: SessionRow): void {
    const { violation } = this.#outside;
    if (before !== undefined && row.generation < before.generation) violation(`${row.id} went back to generation ${row.generation}`);
    if (before?.desired === 'deleted' && row.desired !== 'deleted') violation(`${row.id} came back from its deletion`);
    if (before !== undefined && before.lastSeq > row.lastSeq) violation(`${row.id} counts its messages back to ${row.lastSeq}`);
    if (before !== undefined && before.generation === row.generation && before.desired !== row.desired)
      violation(`${row.id} became ${row.desired} within generation ${row.generation}`);
    const news = before?.phase !== row.phase || before?.observedGeneration !== row.observedGeneration;
    if (row.phase !== 'none' && news && !this.#said.has(`${row.id} ${row.observedGeneration} ${row.phase}`))
      violation(`${row.id} is taken for ${row.phase} at generation ${row.observedGeneration}, which no node said`);
    if (row.phase !== 'none' && news && before !== undefined && row.observedGeneration !== before.generation)
      violation(`${row.id} is taken for ${row.phase} at generation ${row.observedGeneration}, when it was at ${before.generation}`);
    if (row.outstanding < 0) violation(`${row.id} has ${row.outstanding} messages outstanding`);
    this.#place(before, row);
  }

  /** No node is given more than it has. What it has already goes on, also where it was resumed after the backup that the store is from. */
  #place(before: SessionRow | undefined, row: SessionRow): void {
    this.#count(before, -1);
    this.#count(row, 1);
    const wasThere = before !== undefined && occupiesRoom(before) && before.nodeId === row.nodeId;
    if (wasThere || row.nodeId === null || !occupiesRoom(row) || before?.restoredFrom != null) return;
    const use = this.#use.get(row.nodeId);
    const node = this.#outside.view().get('nodes', row.nodeId);
    if (use === undefined || node === undefined) return;
    if (use.cpuMillis > node.cpuMillis || use.memoryBytes > node.memoryBytes)
      this.#outside.violation(`${node.name} was given ${use.memoryBytes / 1024 ** 2} MiB of ${node.memoryBytes / 1024 ** 2}`);
    if (node.maxSessions > 0 && use.sessions > node.maxSessions)
      this.#outside.violation(`${node.name} was given ${use.sessions} sessions, it takes ${node.maxSessions}`);
  }

  #count(row: SessionRow | undefined, sign: 1 | -1): void {
    if (row === undefined || row.nodeId === null || !occupiesRoom(row)) return;
    const use = this.#use.get(row.nodeId) ?? { cpuMillis: 0, memoryBytes: 0, sessions: 0 };
    use.cpuMillis += sign * row.requests.cpuMillis;
    use.memoryBytes += sign * row.requests.memoryBytes;
    use.sessions += sign;
    this.#use.set(row.nodeId, use);
  }
}

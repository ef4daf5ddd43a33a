import { type Mutation, put } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import type { Report__Output as Report } from '../../../proto/generated/raworc/node/v0/Report.ts';
import type { Chronicle } from './chronicle.ts';
import { unexplainedFailure } from './failures.ts';
import { Rooms, takesRoom } from './room.ts';
import { SIZES } from './sizes.ts';

export interface WitnessDeps {
  readonly chronicle: Chronicle;
  readonly view: () => View;
  readonly violation: (what: string) => void;
}

/** Checks every commit for what must never be true, not even for a moment. */
export class Witness {
  readonly #deps: WitnessDeps;
  readonly #reported = new Set<string>();
  #rooms = new Rooms();

  constructor(deps: WitnessDeps) {
    this.#deps = deps;
  }

  /** Call after the chronicle. */
  restored(): void {
    this.#rooms = new Rooms(this.#deps.chronicle.sessions.values());
  }

  /** A node reports it. */
  reported({ sessionId, generation, phase }: Report): void {
    this.#reported.add(`${sessionId} ${generation} ${phase.toLowerCase()}`);
  }

  /** Call before the chronicle. */
  committed(mutations: readonly Mutation[]): void {
    const { chronicle } = this.#deps;
    // Only the last row of each session in a commit counts.
    const rows = new Map<string, SessionRow>();
    for (const mutation of mutations) if (mutation.kind === 'put' && mutation.table === 'sessions') rows.set(mutation.row.id, mutation.row);
    this.#rooms.apply([...rows.values()].map((row) => put('sessions', row)));
    for (const row of rows.values()) this.#became(chronicle.sessions.get(row.id), row);
  }

  #became(before: SessionRow | undefined, row: SessionRow): void {
    const { violation } = this.#deps;
    if (before !== undefined && row.generation < before.generation) violation(`${row.id} went back to generation ${row.generation}`);
    if (before?.desired === 'deleted' && row.desired !== 'deleted') violation(`${row.id} came back from its deletion`);
    if (before !== undefined && before.lastSeq > row.lastSeq) violation(`${row.id} counts its messages back to ${row.lastSeq}`);
    if (before !== undefined && before.generation === row.generation && before.desired !== row.desired)
      violation(`${row.id} became ${row.desired} within generation ${row.generation}`);
    const news = before?.phase !== row.phase || before?.observedGeneration !== row.observedGeneration;
    if (row.phase !== 'none' && news && !this.#reported.has(`${row.id} ${row.observedGeneration} ${row.phase}`))
      violation(`${row.id} is taken for ${row.phase} at generation ${row.observedGeneration}, which no node said`);
    if (row.phase !== 'none' && news && before !== undefined && row.observedGeneration !== before.generation)
      violation(`${row.id} is taken for ${row.phase} at generation ${row.observedGeneration}, when it was at ${before.generation}`);
    if (before !== undefined && news && isEarlier(row.observedOrder, before.observedOrder))
      violation(`${row.id} is taken for ${row.phase} by an older report than one already heard`);
    const unexplained =
      row.desired === 'failed' && before?.desired !== 'failed' ? unexplainedFailure(this.#deps.chronicle, before, row) : undefined;
    if (unexplained !== undefined) violation(`${row.id} failed ("${row.reason}"), but ${unexplained}`);
    if (row.outstanding < 0) violation(`${row.id} has ${row.outstanding} messages outstanding`);
    this.#place(before, row);
  }

  /**
   * No node gets more than its capacity. Running sessions continue, including those resumed after
   * the backup of a restored store.
   */
  #place(before: SessionRow | undefined, row: SessionRow): void {
    const wasThere = before !== undefined && takesRoom(before) && before.nodeId === row.nodeId;
    if (wasThere || row.nodeId === null || !takesRoom(row) || before?.restoredFrom != null) return;
    const use = this.#rooms.onNode(row.nodeId);
    const node = this.#deps.view().get('nodes', row.nodeId);
    if (node === undefined) return;
    if (use.cpuMillis > node.cpuMillis || use.memoryBytes > node.memoryBytes)
      this.#deps.violation(`${node.name} was given ${use.memoryBytes / 1024 ** 2} MiB of ${node.memoryBytes / 1024 ** 2}`);
    const { violation } = this.#deps;
    const { processes = 0, diskBytes = 0, most } = node.bounds ?? {};
    if (processes > 0 && use.processes > processes) violation(`${node.name} was given ${use.processes} processes of ${processes}`);
    if (use.maxMemoryBytes > node.memoryBytes * SIZES.memoryOvercommit)
      violation(`${node.name} was given limits of ${use.maxMemoryBytes} bytes of memory of ${node.memoryBytes}`);
    const isNew = before === undefined || before.nodeId !== row.nodeId;
    if (isNew && diskBytes > 0 && use.diskBytes > diskBytes * SIZES.diskOvercommit)
      violation(`${node.name} was given disks of ${use.diskBytes} bytes of ${diskBytes}`);
    for (const what of ['cpuMillis', 'memoryBytes', 'processes'] as const)
      if (most !== undefined && most[what] > 0 && row.limits[what] > most[what])
        violation(`${row.id} starts on ${node.name} with ${what} ${row.limits[what]}, which gives at most ${most[what]}`);
    if (node.maxSessions > 0 && use.sessions > node.maxSessions)
      this.#deps.violation(`${node.name} was given ${use.sessions} sessions, it takes ${node.maxSessions}`);
  }
}

/** Orders by incarnation of the node, then by start of its agent, then by number. */
function isEarlier(a: SessionRow['observedOrder'], b: SessionRow['observedOrder']): boolean {
  if (a === null || b === null) return false;
  return a.incarnation !== b.incarnation ? a.incarnation < b.incarnation : a.boot !== b.boot ? a.boot < b.boot : a.number < b.number;
}

/** Which strikes cut off a run, by what agents recorded on their disks. */
import type { RunRecords } from '../../cluster/storm-agent.ts';

/** A strike that took containers. */
export interface CuttingStrike {
  readonly strike: string;
  /** Sessions whose containers died. */
  readonly hit: readonly string[];
  /** By the wall clock. */
  readonly doneMs: number;
}

/**
 * Returns the number of runs that each strike cut off: those that never ended and had started
 * before it was over, but after the one before it was. To be called when everything is calm.
 */
export function cutBy(strikes: readonly CuttingStrike[], records: RunRecords): ReadonlyMap<string, number> {
  const counts = new Map(strikes.map(({ strike }) => [strike, 0]));
  for (const session of new Set(strikes.flatMap(({ hit }) => hit)))
    for (const { startedMs, endedMs } of records.runs(session).values()) {
      if (endedMs !== undefined) continue;
      const by = strikes.find(({ hit, doneMs }) => hit.includes(session) && startedMs <= doneMs);
      if (by !== undefined) counts.set(by.strike, (counts.get(by.strike) ?? 0) + 1);
    }
  return counts;
}

import type { Run } from './calls.ts';

/**
 * Returns the runs that can end: those that ask nothing, and then, again and again, those of which
 * every ask can be answered. An ask is answered when its run ends, or, while it waits, when the agent
 * has a free place or any run of the agent can end. The others wait for one another.
 *
 * Graph reduction for resources with several units: Coffman, Elphick, Shoshani, "System Deadlocks"
 * (1971). It assumes that a run waits for all of its asks, and that what has not begun asks nothing.
 */
export function canEnd(runs: ReadonlySet<Run>, hasPlace: (agent: string) => boolean): ReadonlySet<Run> {
  const able = new Set<Run>();
  const served = new Set<string>();
  for (let before = -1; before < able.size; ) {
    before = able.size;
    for (const run of runs) {
      if (able.has(run)) continue;
      const isAnswered = [...run.asks].every(({ run: of, agent }) =>
        of === undefined ? served.has(agent) || hasPlace(agent) : able.has(of),
      );
      if (!isAnswered) continue;
      able.add(run);
      served.add(run.agent);
    }
  }
  return able;
}

import type { Test } from 'tap';
import { repeatWith, simulate } from './run.ts';
import { Coverage } from './world/coverage.ts';

/**
 * Adds a test that runs the seeds from `first` to `last`, each about a second of one core.
 * `npm run test:sim -- --seed 1 --runs 2000` runs more.
 */
export function quietSeeds(t: Test, first: number, last: number): void {
  t.test(`clients and faults of the seeds from ${first} to ${last} break no promise`, async (t) => {
    const coverage = new Coverage();
    let hopped = 0;
    let taken = 0;
    for (let seed = first; seed <= last; seed += 1) {
      const { violations, struck, asked, commands, hops, slots } = await simulate({ seed });
      hopped += hops;
      taken += slots.claimed;
      coverage.add(struck, asked);
      if (violations.length > 0) t.fail(`seed ${seed}: ${repeatWith(seed)}`, { violations });
      if (commands < 200 || struck.length < 10) t.fail(`seed ${seed} did too little: ${commands} commands, ${struck.length} faults`);
    }
    t.ok(hopped > 3 * (last - first + 1), `agents asked one another ${hopped} times`);
    t.ok(taken > (last - first + 1) / 2, `${taken} sessions were started ahead of need`);
    t.comment(coverage.table());
  });
}

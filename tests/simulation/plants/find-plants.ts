import type { Test } from 'tap';
import { foundBySeed, foundByTest } from './found.ts';
import { loudWithout, seedsFrom } from './hunt-all.ts';
import { type Plant, QUIET_SEEDS } from './plant.ts';

/**
 * Adds a test for each planted fault, which must be found, and one in which the same seeds pass
 * without faults, as far as the simulation's own tests do not run them.
 */
export function findPlants(t: Test, plants: Readonly<Record<string, Plant>>): void {
  const seeds = new Set<number>();
  for (const [name, { breaks, foundBy }] of Object.entries(plants)) {
    t.test(`a planted fault is found: ${name}`, async (t) => {
      t.comment(breaks);
      if ('test' in foundBy) {
        const test = await foundByTest(name, foundBy.test);
        t.type(test, 'string', `${foundBy.test} fails with it`);
        t.comment(test);
        return;
      }
      const found = await foundBySeed(name, seedsFrom(foundBy.seed));
      if (found === null) return t.fail('no seed finds it');
      seeds.add(found.seed);
      t.comment(`seed ${found.seed}: ${found.violation}`);
      t.pass(found.seed === foundBy.seed ? 'by its seed' : `by seed ${found.seed}, no longer by ${foundBy.seed}: write that down`);
    });
  }
  t.test('the same seeds break no promise without a fault', async (t) => {
    t.same(await loudWithout([...seeds].filter((seed) => seed > QUIET_SEEDS)), []);
  });
}

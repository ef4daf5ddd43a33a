import t from 'tap';
import { PLANTS } from './plants/catalogue.ts';
import { foundBySeed, foundByTest } from './plants/found.ts';
import { loudWithout, seedsFrom } from './plants/hunt-all.ts';
import { planted } from './plants/plant.ts';

t.setTimeout(290_000);
// Each hunt is a process of its own.
t.jobs = 2;

const seeds = new Set<number>();

t.test('a text that does not occur exactly once is not replaced', async (t) => {
  const plant = { file: 'a.ts', find: 'b', replace: 'c' };
  t.equal(planted(plant, 'a b'), 'a c');
  t.throws(() => planted(plant, 'a'), /occurs 0 times in a.ts/);
  t.throws(() => planted(plant, 'b b'), /occurs 2 times in a.ts/);
});

for (const [name, { breaks, foundBy }] of Object.entries(PLANTS)) {
  t.test(`a planted fault is found: ${name}`, { buffered: true }, async (t) => {
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
  t.same(await loudWithout(seeds), []);
});

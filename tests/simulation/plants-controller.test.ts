import t from 'tap';
import { CONTROLLER_PLANTS } from './plants/controller-plants.ts';
import { findPlants } from './plants/find-plants.ts';
import { planted } from './plants/plant.ts';

t.setTimeout(290_000);

t.test('a text that does not occur exactly once is not replaced', async (t) => {
  const plant = { file: 'a.ts', find: 'b', replace: 'c' };
  t.equal(planted(plant, 'a b'), 'a c');
  t.throws(() => planted(plant, 'a'), /occurs 0 times in a.ts/);
  t.throws(() => planted(plant, 'b b'), /occurs 2 times in a.ts/);
});

findPlants(t, CONTROLLER_PLANTS);

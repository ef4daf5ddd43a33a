import t from 'tap';
import { QUIET_SEEDS } from './plants/plant.ts';
import { quietSeeds } from './quiet-seeds.ts';
import { simulate } from './run.ts';

t.setTimeout(290_000);

t.test('the same seed is the same run, to the last step', async (t) => {
  const first = await simulate({ seed: 3 });
  const again = await simulate({ seed: 3 });
  t.ok(
    first.struck.some(({ fault }) => fault === 'store full'),
    'with an error that names a file of the store',
  );
  t.equal(again.digest, first.digest);
  t.equal(again.steps, first.steps);
  t.not((await simulate({ seed: 8 })).digest, first.digest);
});

quietSeeds(t, 1, QUIET_SEEDS / 2);

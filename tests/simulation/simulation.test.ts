import t from 'tap';
import { QUIET_SEEDS } from './plants/plant.ts';
import { repeatWith, simulate } from './run.ts';
import { Coverage } from './world/coverage.ts';

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

// Each takes about a second of one core. `npm run test:sim -- --seed 1 --runs 2000` runs more.
t.test(`${QUIET_SEEDS} seeds of clients and faults break no promise`, async (t) => {
  const coverage = new Coverage();
  let hopped = 0;
  for (let seed = 1; seed <= QUIET_SEEDS; seed += 1) {
    const { violations, struck, asked, commands, hops } = await simulate({ seed });
    hopped += hops;
    coverage.add(struck, asked);
    if (violations.length > 0) t.fail(`seed ${seed}: ${repeatWith(seed)}`, { violations });
    if (commands < 200 || struck.length < 10) t.fail(`seed ${seed} did too little: ${commands} commands, ${struck.length} faults`);
  }
  t.ok(hopped > 3 * QUIET_SEEDS, `agents asked one another ${hopped} times`);
  t.comment(coverage.table());
  t.pass(`${QUIET_SEEDS} seeds`);
});

import t from 'tap';
import { fuzzE2b } from './run.ts';

/** `npm run test:fuzz` sends a quarter of its number. */
const RUNS = 1000;

t.setTimeout(240_000);

t.test('whatever the listener for the SDKs of E2B is sent, it answers, and its heap stays flat', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { failures, missing, sent } = await fuzzE2b({ seed, runs: RUNS });
  t.comment(`${sent} requests with the seed ${seed}`);
  t.same(failures, []);
  t.same(missing, [], 'routes that no request reached');
});

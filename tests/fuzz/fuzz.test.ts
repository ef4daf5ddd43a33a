import t from 'tap';
import { fuzz } from './run.ts';

/** `npm run test:fuzz` sends ten thousand. */
const RUNS = 750;

t.setTimeout(240_000);

t.test('whatever is sent is answered as documented, and every documented answer comes', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { failures, missing, sent, tally } = await fuzz({ seed, runs: RUNS });
  t.comment(`${sent} requests, ${tally} answers; again: npm run test:fuzz -- --seed ${seed} --runs ${RUNS}`);
  t.same(failures, []);
  t.same(missing, [], 'answers that a client can cause and that did not come');
});

import { figures, median, percentile, row } from '../figures/figures.ts';
import type { Rig } from './rig.ts';
import { inTurns, type Run, spread, verdict, WIDTH } from './turns.ts';

/** Maximum p99 as a multiple of the p99 without lists. */
const GOAL = 1.3;
const BLOCK_MS = 6000;
const POSTS_PER_S = 80;
const LISTS_PER_S = 20;

/**
 * Posts messages at random times, with and without lists at a steady rate. Returns whether the goal
 * was reached.
 */
export async function posts(rig: Rig, run: Run): Promise<boolean> {
  const post = { name: 'post', requests: rig.requests.posts, perSecond: POSTS_PER_S, even: false };
  const list = { name: 'list', requests: rig.requests.list, perSecond: LISTS_PER_S, even: true };
  const measure = async (streams: readonly (typeof post)[]) => {
    const { post: latenciesMs = [] } = await rig.load.ask('open', { target: rig.api, durationMs: BLOCK_MS, streams });
    return latenciesMs;
  };
  await measure([post, list]);
  const found = await inTurns(
    run,
    () => measure([post]),
    () => measure([post, list]),
  );
  const [alone, beside] = [found.flatMap(([one]) => one), found.flatMap(([, other]) => other)];
  console.log(`\nMessages posted at random times, ${POSTS_PER_S} per second; ${run.rounds} rounds of ${BLOCK_MS} ms each, milliseconds`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  console.log(row('alone', figures(alone), WIDTH));
  console.log(row(`with ${LISTS_PER_S} lists per second`, figures(beside), WIDTH));
  const p99 = (samples: readonly number[]) => percentile(samples, 99);
  // Per round: over all samples, one pause of the machine would decide.
  const ratios = found.map(([one, other]) => p99(other) / p99(one));
  const reached = median(ratios) <= GOAL;
  console.log(`The p99 with lists is ${spread(ratios)} times that without, per round; the goal is ${GOAL}: ${verdict(reached)}`);
  return reached;
}

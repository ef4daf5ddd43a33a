import { figures, median, row } from '../figures/figures.ts';
import type { Rig } from './rig.ts';
import { type Run, spread, verdict, WIDTH } from './turns.ts';

/** Maximum time of a list beyond the bare route's, as a multiple of its queries' time. */
const GOAL = 2;
const BLOCK_MS = 1000;
const QUERIES = 50;

/**
 * Compares lists of 100, one after another, with the bare route and with SQLite alone. Returns
 * whether the goal was reached.
 */
export async function lists(rig: Rig, { rounds, signal }: Run): Promise<boolean> {
  const measure = async (target: 'api' | 'bareRoutes', requests: readonly string[]) =>
    (await rig.load.ask('closed', { target: rig[target], requests, connections: 1, durationMs: BLOCK_MS })).latenciesMs;
  const round = async () => ({
    bare: await measure('bareRoutes', rig.requests.bareList),
    api: await measure('api', rig.requests.list),
    queries: await rig.queries.timesMs(QUERIES),
  });
  await round();
  const found: Awaited<ReturnType<typeof round>>[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    signal.throwIfAborted();
    found.push(await round());
  }
  console.log(`\n100 sessions, one request after another; ${rounds} rounds, milliseconds`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  const lines = {
    'bare Koa route with the same body': 'bare',
    'page and total, SQLite only': 'queries',
    'GET /sessions?limit=100': 'api',
  } as const;
  for (const [name, key] of Object.entries(lines)) console.log(row(name, figures(found.flatMap((one) => one[key])), WIDTH));
  const times = found.map(({ bare, api, queries }) => (median(api) - median(bare)) / median(queries));
  const reached = median(times) <= GOAL;
  console.log(`A list takes the bare route's time and ${spread(times)} times its queries; the goal is ${GOAL}: ${verdict(reached)}`);
  return reached;
}

/**
 * Reads of one session and lists of 100 among 100,000, authenticated and authorised, beside a bare Koa route with the same body; and posts of
 * messages at a steady rate, with and without 20 lists a second beside them. Controller, bare route and load are processes of their own; the
 * compared take turns in one run, since absolute times drift. Ends with 1 when a goal is missed. `npm run bench -- api [rounds] [sessions]`.
 */
import { loadavg } from 'node:os';
import type { Share } from './api/profile.ts';
import { openRig, type Rig } from './api/rig.ts';
import { figures, median, percentile, row } from './figures/figures.ts';

const READS_OF_BARE = 0.6;
const QUERIES_OVER_BARE = 2;
const POSTS_P99 = 1.3;
const BLOCK_MS = 2000;
const POST_BLOCK_MS = 6000;
const CONNECTIONS = 16;
const RUNNING = 40;
const WARM_UP = 20_000;
const [POSTS_PER_S, LISTS_PER_S] = [80, 20];
const WIDTH = 46;

const [rounds = 10, sessions = 100_000] = process.argv.slice(2).map(Number);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('the number of rounds is a positive integer');
if (!Number.isInteger(sessions) || sessions < 100) throw new Error('the number of sessions is an integer of 100 or more');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const rig = await openRig(sessions, RUNNING, (end) => void endings.unshift(end));
  const begun = load();
  const reached = [await reads(rig), await lists(rig), await posts(rig)];
  console.log(`\nLoad of the machine: ${begun} before, ${load()} after.`);
  if (reached.includes(false)) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

async function reads(rig: Rig): Promise<boolean> {
  const { bare, controller } = rig;
  const measure = (whose: 'api' | 'bare', durationMs: number) =>
    busyWhile(
      () => (whose === 'api' ? controller.ask('processorMs', undefined) : bare.ask('processorMs', undefined)),
      () =>
        rig.load.ask('closed', {
          ...{ connections: CONNECTIONS, durationMs },
          ...(whose === 'api'
            ? { target: rig.api, requests: rig.requests.reads }
            : { target: rig.bareRoutes, requests: rig.requests.bareRead }),
        }),
    );
  for (const whose of ['bare', 'api'] as const) {
    // By number, not time: the slower one needs as many to be compiled as well as the quicker.
    for (let done = 0; done < WARM_UP; ) done += (await measure(whose, BLOCK_MS)).latenciesMs.length;
  }
  const found = await inTurns(
    () => measure('bare', BLOCK_MS),
    () => measure('api', BLOCK_MS),
  );
  const ratios = found.map(([one, other]) => other.perSecond / one.perSecond);
  console.log(`One session of ${sessions}: ${rounds} rounds of ${BLOCK_MS} ms each, ${CONNECTIONS} connections, all of them always asking`);
  console.log(row('', ['requests/s', 'CPU µs', 'CPU', 'median ms', 'p99 ms'], WIDTH));
  for (const [name, side] of [
    ['bare Koa route with the same body', 0],
    ['GET /sessions/{id}', 1],
  ] as const) {
    const blocks = found.map((pair) => pair[side]);
    const of = (figure: (block: (typeof blocks)[number]) => number) => median(blocks.map(figure));
    const all = blocks.flatMap(({ latenciesMs }) => latenciesMs);
    console.log(
      row(
        name,
        [
          of((b) => b.perSecond).toFixed(0),
          of((b) => (b.cpu * 1e6) / b.perSecond).toFixed(0),
          of((b) => b.cpu).toFixed(2),
          ...[50, 99].map((p) => percentile(all, p).toFixed(2)),
        ],
        WIDTH,
      ),
    );
  }
  const reached = median(ratios) >= READS_OF_BARE;
  console.log(`Reads have ${spread(ratios)} of the bare route's throughput; the goal is ${READS_OF_BARE}: ${verdict(reached)}`);
  await controller.ask('profile', undefined);
  await measure('api', BLOCK_MS * 2);
  const { busy, parts, functions } = await controller.ask('profiled', undefined);
  console.log(`Where the main thread's time goes while it reads (busy ${percent(busy)}):`);
  console.log(`  ${worded(parts.filter(({ share }) => share >= 0.01))}`);
  console.log(`  of it in: ${worded(functions)}`);
  return reached;
}

async function lists(rig: Rig): Promise<boolean> {
  const measure = async (target: 'api' | 'bareRoutes', requests: readonly string[]) =>
    (await rig.load.ask('closed', { target: rig[target], requests, connections: 1, durationMs: BLOCK_MS })).latenciesMs;
  const round = async () => ({
    bare: await measure('bareRoutes', rig.requests.bareList),
    api: await measure('api', rig.requests.list),
    queries: await rig.queries.timesMs(50),
  });
  await round();
  const found: Awaited<ReturnType<typeof round>>[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    stop.signal.throwIfAborted();
    found.push(await round());
  }
  console.log(`\n100 sessions of ${sessions}: ${rounds} rounds, one request after another, milliseconds`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  const lines = {
    'bare Koa route with the same body': 'bare',
    'page and total in SQLite alone': 'queries',
    'GET /sessions?limit=100': 'api',
  } as const;
  for (const [name, key] of Object.entries(lines)) console.log(row(name, figures(found.flatMap((one) => one[key])), WIDTH));
  const times = found.map(({ bare, api, queries }) => (median(api) - median(bare)) / median(queries));
  const reached = median(times) <= QUERIES_OVER_BARE;
  console.log(`A list takes the bare route and ${spread(times)} times its queries; the goal is ${QUERIES_OVER_BARE}: ${verdict(reached)}`);
  return reached;
}

async function posts(rig: Rig): Promise<boolean> {
  const post = { name: 'post', requests: rig.requests.posts, perSecond: POSTS_PER_S, even: false };
  const list = { name: 'list', requests: rig.requests.list, perSecond: LISTS_PER_S, even: true };
  const measure = async (streams: readonly (typeof post)[], durationMs: number) =>
    (await rig.load.ask('open', { target: rig.api, durationMs, streams })).post?.latenciesMs ?? [];
  await measure([post, list], BLOCK_MS);
  const found = await inTurns(
    () => measure([post], POST_BLOCK_MS),
    () => measure([post, list], POST_BLOCK_MS),
  );
  const [alone, beside] = [found.flatMap(([one]) => one), found.flatMap(([, other]) => other)];
  console.log(`\nPosts of messages: ${rounds} rounds of ${POST_BLOCK_MS} ms each, ${POSTS_PER_S} a second at random moments, milliseconds`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  console.log(row('alone', figures(alone), WIDTH));
  console.log(row(`with ${LISTS_PER_S} lists a second`, figures(beside), WIDTH));
  const ratio = percentile(beside, 99) / percentile(alone, 99);
  const byRound = found.map(([one, other]) => percentile(other, 99) / percentile(one, 99));
  const reached = ratio <= POSTS_P99;
  console.log(
    `The p99 with lists is ${ratio.toFixed(2)} of the one without (by rounds ${spread(byRound)}); the goal is ${POSTS_P99}: ${verdict(reached)}`,
  );
  return reached;
}

/** Both in each round; who comes first changes. */
async function inTurns<T>(one: () => Promise<T>, other: () => Promise<T>): Promise<(readonly [T, T])[]> {
  const found: (readonly [T, T])[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    stop.signal.throwIfAborted();
    if (turn % 2 === 0) {
      const first = await one();
      found.push([first, await other()]);
    } else {
      const second = await other();
      found.push([await one(), second]);
    }
  }
  return found;
}

/** What was measured, and how much of a processor the server used meanwhile. */
async function busyWhile<T>(used: () => Promise<number>, work: () => Promise<T>): Promise<T & { readonly cpu: number }> {
  const [usedMs, at] = [await used(), performance.now()];
  const result = await work();
  return { ...result, cpu: ((await used()) - usedMs) / (performance.now() - at) };
}

function spread(ratios: readonly number[]): string {
  return `${median(ratios).toFixed(2)} (${percentile(ratios, 10).toFixed(2)}–${percentile(ratios, 90).toFixed(2)})`;
}

function verdict(reached: boolean): string {
  return reached ? 'reached' : 'MISSED';
}

function worded(shares: readonly Share[]): string {
  return shares.map(({ name, share }) => `${name} ${percent(share)}`).join(', ');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function load(): string {
  const [one = 0] = loadavg();
  return one.toFixed(1);
}

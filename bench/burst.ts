/**
 * Times what the benchmark of ComputeSDK does, from `Sandbox.create` to the answer of `node -v`, through E2B's SDK: one after
 * another, then many at once, in sessions that take slots; beside `docker run -d` of the same image.
 * `npm run bench -- burst [at once]`.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sessionImage } from '../tests/cluster/docker.ts';
import { expect } from '../tests/cluster/rest.ts';
import { startSandboxes } from '../tests/e2b/docker/sandboxes.ts';
import { loadSdk } from '../tests/e2b/sdks.ts';
import { figures, median, percentile, row, timed } from './figures/figures.ts';
import { readySlots } from './figures/ready-slots.ts';

const WIDTH = 40;
const TURNS = 20;
/** Of each sandbox. */
const PROCESSES = 64;
/** Of `docker run -d` at the median: one sandbox after another, and the slowest twentieth of many at once. */
const GOALS = { oneByOne: 1 / 5, atOnce: 1.5 };
const run = promisify(execFile);
const atOnce = Number(process.argv[2] ?? 50);
if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > 200) throw new Error('how many at once is a number from 1 to 200');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.unshift(end), passing: () => true, comment: () => undefined };
  const { cluster, template } = await startSandboxes(scope);
  const { rest } = cluster;
  const { Sandbox } = (await loadSdk('second'))('e2b');
  const image = await sessionImage();
  const label = `raworc.cluster=${cluster.id}`;

  const failures: unknown[] = [];
  /** Resolves with how long it took, once the sandbox is gone again. */
  async function visit(): Promise<number> {
    let made: { kill(): Promise<boolean> } | undefined;
    const tookMs = await timed(async () => {
      const one = await Sandbox.create(template);
      made = one;
      await one.commands.run('node -v');
    });
    await made?.kill();
    return tookMs;
  }
  async function all(): Promise<number[]> {
    const settled = await Promise.allSettled(Array.from({ length: atOnce }, visit));
    failures.push(...settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])));
    return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }
  const ready = async (count: number) => {
    while ((await readySlots(cluster)) < count) await setTimeout(100, undefined, { signal: stop.signal });
  };

  // So many must fit into the processes that the kernel has for all of them.
  const maxima = { processes: PROCESSES };
  // A burst is expected again, so this one, cold, makes the slots for the next.
  expect(await rest.call('PATCH', '/spaces/default', { settings: { maxima, slots: { max: atOnce } } }), 200, 'allow slots');
  const cold = await all();
  await ready(atOnce);
  const times = { sandbox: [] as number[], run: [] as number[] };
  for (let turn = -1; turn < TURNS; turn += 1) {
    await ready(Math.min(atOnce, 2));
    const sandboxMs = await visit();
    let id = '';
    const runMs = await timed(async () => {
      id = (await run('docker', ['run', '-d', '--label', label, image, 'sleep', 'infinity'])).stdout.trim();
    });
    await run('docker', ['rm', '-f', id]);
    if (turn < 0) continue;
    times.sandbox.push(sandboxMs);
    times.run.push(runMs);
  }
  await ready(atOnce);
  const burst = await all();

  console.log(`create → node -v through E2B's SDK, milliseconds, load ${loadavg()[0]?.toFixed(1)}`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  console.log(row(`one by one, ${TURNS} times`, figures(times.sandbox), WIDTH));
  console.log(row(`${atOnce} at once, from slots`, figures(burst), WIDTH));
  console.log(row(`${atOnce} at once, cold`, figures(cold), WIDTH));
  console.log(row('docker run -d, one by one', figures(times.run), WIDTH));
  const ratios = { oneByOne: median(times.sandbox) / median(times.run), atOnce: percentile(burst, 95) / median(times.run) };
  console.log(
    `One by one 1/${(1 / ratios.oneByOne).toFixed(1)} of docker run -d (goal: 1/5); ${atOnce} at once, p95 ${ratios.atOnce.toFixed(2)} × docker run -d (goal: 1.5); ${failures.length} failed.`,
  );
  for (const failure of failures.slice(0, 3)) console.log(failure);
  if (ratios.oneByOne > GOALS.oneByOne || ratios.atOnce > GOALS.atOnce || failures.length > 0) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

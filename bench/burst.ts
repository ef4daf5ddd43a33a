/**
 * Times what the benchmark of ComputeSDK does, from `Sandbox.create` to the answer of `node -v`, through E2B's SDK: one after
 * another, then many at once, in sessions that take slots; beside `docker run -d` of the same image.
 * `npm run bench -- burst [at once]`.
 */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sessionImage } from '../tests/cluster/docker.ts';
import { expect } from '../tests/cluster/rest.ts';
import { startSandboxes } from '../tests/e2b/docker/sandboxes.ts';
import { loadSdk } from '../tests/e2b/sdks.ts';
import { benchmark } from './figures/benchmark.ts';
import { median, percentile, timed } from './figures/figures.ts';
import { readySlots } from './figures/ready-slots.ts';

const TURNS = 20;
/** Of each sandbox. */
const PROCESSES = 64;
/** Of `docker run -d` at the median: one sandbox after another, and the slowest twentieth of many at once. */
const GOALS = { oneByOne: 1 / 5, atOnce: 1.5 };
const run = promisify(execFile);
const atOnce = Number(process.argv[2] ?? 50);
if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > 200) throw new Error('how many at once is a number from 1 to 200');

await benchmark(async ({ signal, scope, table, times, goal }) => {
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
    while ((await readySlots(cluster)) < count) await setTimeout(100, undefined, { signal: signal });
  };

  // So many must fit into the processes that the kernel has for all of them.
  const maxima = { processes: PROCESSES };
  // A burst is expected again, so this one, cold, makes the slots for the next.
  expect(await rest.call('PATCH', '/spaces/default', { settings: { maxima, slots: { max: atOnce } } }), 200, 'allow slots');
  const cold = await all();
  await ready(atOnce);
  const each = { sandbox: [] as number[], run: [] as number[] };
  for (let turn = -1; turn < TURNS; turn += 1) {
    await ready(Math.min(atOnce, 2));
    const sandboxMs = await visit();
    let id = '';
    const runMs = await timed(async () => {
      id = (await run('docker', ['run', '-d', '--label', label, image, 'sleep', 'infinity'])).stdout.trim();
    });
    await run('docker', ['rm', '-f', id]);
    if (turn < 0) continue;
    each.sandbox.push(sandboxMs);
    each.run.push(runMs);
  }
  await ready(atOnce);
  const burst = await all();

  table(`create → node -v through E2B's SDK`);
  times(`one by one, ${TURNS} times`, each.sandbox);
  times(`${atOnce} at once, from slots`, burst);
  times(`${atOnce} at once, cold`, cold);
  times('docker run -d, one by one', each.run);
  for (const failure of failures.slice(0, 3)) console.log(failure);
  goal('one by one, median, of docker run -d', median(each.sandbox) / median(each.run), { most: GOALS.oneByOne });
  goal(`${atOnce} at once, p95, of docker run -d`, percentile(burst, 95) / median(each.run), { most: GOALS.atOnce });
  goal('failed', failures.length, { most: 0 });
});

/**
 * Times the creation of a session that takes a slot, over REST with `?wait` until its host has
 * acknowledged it, beside the least that this path takes without any rule (claim/bare-path.ts) and `docker run -d` of the same
 * image; one after another in turns.
 * `npm run bench -- claim [turns]`.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sessionImage } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { expect } from '../tests/cluster/rest.ts';
import { BarePath } from './claim/bare-path.ts';
import { figures, median, percentile, row, timed } from './figures/figures.ts';
import { readySlots } from './figures/ready-slots.ts';

const WIDTH = 36;
/** Of `docker run -d`, and of the bare path. */
const GOALS = { median: 1 / 25, p99: 1 / 8, bare: 3 };
const run = promisify(execFile);
const turns = Number(process.argv[2] ?? 100);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.unshift(end), passing: () => true, comment: () => undefined };
  const nodes = [{ name: 'node-1', cpuMillis: 40_000, memoryBytes: 2 ** 35 }];
  const cluster = await startCluster(scope, { nodes, nats: true });
  const { rest } = cluster;
  const image = await sessionImage();
  const label = `raworc.cluster=${cluster.id}`;
  const slots = 4;
  expect(await rest.call('PUT', '/spaces/default', { settings: { slots: { min: slots, max: slots } } }), 200, 'ask for slots');
  const bare = await BarePath.open(cluster.directory);
  endings.unshift(async () => bare.close());
  const times = { claim: [] as number[], bare: [] as number[], run: [] as number[] };
  for (let turn = -2; turn < turns; turn += 1) {
    while ((await readySlots(cluster)) < slots) {
      stop.signal.throwIfAborted();
      await setTimeout(50, undefined, { signal: stop.signal });
    }
    const before = performance.now();
    const session = await rest.createSession();
    if (turn >= 0) times.claim.push(performance.now() - before);
    await rest.removeSession(session.id);
    const bareMs = await timed(() => bare.claim());
    if (turn >= 0) times.bare.push(bareMs);
    let id = '';
    const command = await timed(async () => {
      id = (await run('docker', ['run', '-d', '--label', label, image, 'sleep', 'infinity'])).stdout.trim();
    });
    if (turn >= 0) times.run.push(command);
    await run('docker', ['rm', '-f', id]);
  }
  console.log(`${turns} turns, milliseconds, load ${loadavg()[0]?.toFixed(1)}`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  console.log(row('create a session from a slot → idle', figures(times.claim), WIDTH));
  console.log(row('the bare path', figures(times.bare), WIDTH));
  console.log(row('docker run -d', figures(times.run), WIDTH));
  const ratios = {
    median: median(times.claim) / median(times.run),
    p99: percentile(times.claim, 99) / percentile(times.run, 99),
    bare: median(times.claim) / median(times.bare),
  };
  console.log(
    `1/${(1 / ratios.median).toFixed(1)} of docker run -d at the median, 1/${(1 / ratios.p99).toFixed(1)} at the p99 (goals: 1/25, 1/8); ${ratios.bare.toFixed(1)} × the bare path (goal: 3)`,
  );
  if (ratios.median > GOALS.median || ratios.p99 > GOALS.p99 || ratios.bare > GOALS.bare) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

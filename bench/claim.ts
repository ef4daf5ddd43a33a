/**
 * Times the creation of a session that takes a slot, over REST with `?wait` until its host has
 * acknowledged it, beside the least that this path takes without any rule (claim/bare-path.ts) and `docker run -d` of the same
 * image; one after another in turns.
 * `npm run bench -- claim [turns]`.
 */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sessionImage } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { expect } from '../tests/cluster/rest.ts';
import { BarePath } from './claim/bare-path.ts';
import { benchmark } from './figures/benchmark.ts';
import { median, percentile, timed } from './figures/figures.ts';
import { readySlots } from './figures/ready-slots.ts';

/** Of `docker run -d`, and of the bare path. */
const GOALS = { median: 1 / 25, p99: 1 / 8, bare: 3 };
const run = promisify(execFile);
const turns = Number(process.argv[2] ?? 100);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

await benchmark(async ({ signal, ends, scope, table, times, goal }) => {
  const nodes = [{ name: 'node-1', cpuMillis: 40_000, memoryBytes: 2 ** 35 }];
  const cluster = await startCluster(scope, { nodes, nats: true });
  const { rest } = cluster;
  const image = await sessionImage();
  const label = `raworc.cluster=${cluster.id}`;
  const slots = 4;
  expect(await rest.call('PUT', '/spaces/default', { settings: { slots: { min: slots, max: slots } } }), 200, 'ask for slots');
  const bare = await BarePath.open(cluster.directory);
  ends(async () => bare.close());
  const all = { claim: [] as number[], bare: [] as number[], run: [] as number[] };
  for (let turn = -2; turn < turns; turn += 1) {
    while ((await readySlots(cluster)) < slots) {
      signal.throwIfAborted();
      await setTimeout(50, undefined, { signal: signal });
    }
    const before = performance.now();
    const session = await rest.createSession();
    if (turn >= 0) all.claim.push(performance.now() - before);
    await rest.removeSession(session.id);
    const bareMs = await timed(() => bare.claim());
    if (turn >= 0) all.bare.push(bareMs);
    let id = '';
    const command = await timed(async () => {
      id = (await run('docker', ['run', '-d', '--label', label, image, 'sleep', 'infinity'])).stdout.trim();
    });
    if (turn >= 0) all.run.push(command);
    await run('docker', ['rm', '-f', id]);
  }
  table(`A session from a slot, ${turns} turns`);
  times('create a session from a slot → idle', all.claim);
  times('the bare path', all.bare);
  times('docker run -d', all.run);
  goal('median, of docker run -d', median(all.claim) / median(all.run), { most: GOALS.median });
  goal('p99, of docker run -d', percentile(all.claim, 99) / percentile(all.run, 99), { most: GOALS.p99 });
  goal('median, of the bare path', median(all.claim) / median(all.bare), { most: GOALS.bare });
});

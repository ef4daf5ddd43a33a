/**
 * Times the creation of a session until it is idle, over REST with `?wait`, beside create and start
 * of a similar container by Docker's API until Node.js in it prints a line, and beside
 * `docker run -d`; one after another in turns, then 20 at once. Prints where the time goes.
 * `npm run bench -- cold [turns]`.
 */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { sessionImage } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { BareNode } from './cold/bare-node.ts';
import { benchmark } from './figures/benchmark.ts';
import { median, timed } from './figures/figures.ts';
import { engineEvents, guestLines, wallMs } from './resume/moments.ts';

/** Of create, start and the first line of Node.js; above either the exit code is 1. */
const GOAL = 1.1;
const AT_ONCE = 20;
const BURSTS = 3;
const run = promisify(execFile);
const turns = Number(process.argv[2] ?? 30);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

await benchmark(async ({ signal, scope, table, times, goal }) => {
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 32 }], nats: true });
  const { rest } = cluster;
  const model = await rest.createSession();
  const bare = await BareNode.like(model.id);
  await rest.removeSession(model.id);
  const image = await sessionImage();
  const label = `raworc.cluster=${cluster.id}`;
  const detached = async () => (await run('docker', ['run', '-d', '--label', label, image, 'sleep', 'infinity'])).stdout.trim();

  const phases = new Map<string, number[]>();
  const all = { cold: [] as number[], bare: [] as number[], run: [] as number[] };
  for (let turn = -2; turn < turns; turn += 1) {
    signal.throwIfAborted();
    const sentMs = wallMs();
    const session = await rest.createSession();
    const receivedMs = wallMs();
    if (turn >= 0) {
      all.cold.push(receivedMs - sentMs);
      const [engine, guest] = [await engineEvents(session.id, sentMs, receivedMs), await guestLines(session.id, sentMs)];
      const moments = {
        'order to the node, disk, and create': engine.get('create'),
        'start (network, runc)': engine.get('start'),
        "guest's process and its mailbox": guest.get('guest.started'),
        "guest's link and welcome": guest.get('host.connected'),
        'report, commit, answer': receivedMs,
      };
      let lastMs = sentMs;
      for (const [phase, atMs = lastMs] of Object.entries(moments)) {
        phases.set(phase, [...(phases.get(phase) ?? []), atMs - lastMs]);
        lastMs = atMs;
      }
    }
    await rest.removeSession(session.id);
    const own = await timed(() => bare.up());
    await bare.removeAll();
    let id = '';
    const command = await timed(async () => {
      id = await detached();
    });
    await run('docker', ['rm', '-f', id]);
    if (turn >= 0) all.bare.push(own);
    if (turn >= 0) all.run.push(command);
  }
  const bursts = { cold: [] as number[], bare: [] as number[], run: [] as number[] };
  for (let burst = 0; burst < BURSTS; burst += 1) {
    signal.throwIfAborted();
    const all = <T>(work: () => Promise<T>) => Promise.all(Array.from({ length: AT_ONCE }, work));
    let ids: string[] = [];
    bursts.cold.push(
      await timed(async () => {
        ids = (await all(() => rest.createSession())).map(({ id }) => id);
      }),
    );
    for (const id of ids) await rest.removeSession(id);
    bursts.bare.push(await timed(() => all(() => bare.up())));
    await bare.removeAll();
    bursts.run.push(
      await timed(async () => {
        ids = await all(detached);
      }),
    );
    await run('docker', ['rm', '-f', ...ids]);
  }

  table(`A session without a slot, ${turns} turns`);
  times('create a session → idle', all.cold);
  times('create, start, first line (Docker API)', all.bare);
  times('docker run -d', all.run);
  table(`${AT_ONCE} sessions at once, ${BURSTS} times`);
  times(`${AT_ONCE} sessions`, bursts.cold);
  times(`${AT_ONCE} × create, start, first line`, bursts.bare);
  times(`${AT_ONCE} × docker run -d`, bursts.run);
  table('Where the time of a session goes');
  for (const [phase, samples] of phases) times(phase, samples);
  goal('of create, start and first line, median', median(all.cold) / median(all.bare), { most: GOAL });
  goal(`${AT_ONCE} at once, of docker run -d`, median(bursts.cold) / median(bursts.run), { most: GOAL });
});

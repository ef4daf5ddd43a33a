/**
 * Times the creation of a session until it is idle, over REST with `?wait`, beside create and start
 * of a similar container by Docker's API until Node.js in it prints a line, and beside
 * `docker run -d`; one after another in turns, then 20 at once. Prints where the time goes.
 * `npm run bench -- cold [turns]`.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import process from 'node:process';
import { promisify } from 'node:util';
import { sessionImage } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { BareNode } from './cold/bare-node.ts';
import { figures, median, row, timed } from './figures/figures.ts';
import { engineEvents, guestLines, wallMs } from './resume/moments.ts';

const WIDTH = 44;
/** Of create, start and the first line of Node.js; above either the exit code is 1. */
const GOAL = 1.1;
const AT_ONCE = 20;
const BURSTS = 3;
const run = promisify(execFile);
const turns = Number(process.argv[2] ?? 30);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.unshift(end), passing: () => true, comment: () => undefined };
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 32 }], nats: true });
  const { rest } = cluster;
  const model = await rest.createSession();
  const bare = await BareNode.like(model.id);
  await rest.removeSession(model.id);
  const image = await sessionImage();
  const label = `raworc.cluster=${cluster.id}`;
  const detached = async () => (await run('docker', ['run', '-d', '--label', label, image, 'sleep', 'infinity'])).stdout.trim();

  const phases = new Map<string, number[]>();
  const times = { cold: [] as number[], bare: [] as number[], run: [] as number[] };
  for (let turn = -2; turn < turns; turn += 1) {
    stop.signal.throwIfAborted();
    const sentMs = wallMs();
    const session = await rest.createSession();
    const receivedMs = wallMs();
    if (turn >= 0) {
      times.cold.push(receivedMs - sentMs);
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
    if (turn >= 0) times.bare.push(own);
    if (turn >= 0) times.run.push(command);
  }
  const bursts = { cold: [] as number[], bare: [] as number[], run: [] as number[] };
  for (let burst = 0; burst < BURSTS; burst += 1) {
    stop.signal.throwIfAborted();
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

  console.log(`${turns} turns, milliseconds, load ${loadavg()[0]?.toFixed(1)}`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  console.log(row('create a session → idle', figures(times.cold), WIDTH));
  console.log(row('create, start, first line (Docker API)', figures(times.bare), WIDTH));
  console.log(row('docker run -d', figures(times.run), WIDTH));
  console.log(
    `\n${AT_ONCE} at once, ${BURSTS} times: ${rounded(bursts.cold)} sessions, ${rounded(bursts.bare)} by Docker's API, ${rounded(bursts.run)} docker run -d`,
  );
  console.log('\nWhere the time of a session goes');
  for (const [phase, samples] of phases) console.log(row(`  ${phase}`, figures(samples, 1), WIDTH));
  const [one, twenty] = [median(times.cold) / median(times.bare), median(bursts.cold) / median(bursts.run)];
  console.log(
    `\nAt the median, ${one.toFixed(2)} of create, start and first line, ${(median(times.cold) / median(times.run)).toFixed(2)} of docker run -d; ${AT_ONCE} at once ${twenty.toFixed(2)} of docker run -d (goal: ${GOAL}).`,
  );
  if (one > GOAL || twenty > GOAL) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

function rounded(samples: readonly number[]): string {
  return samples.map((ms) => Math.round(ms)).join(', ');
}

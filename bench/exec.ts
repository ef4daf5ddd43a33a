/**
 * Times `true` in a session over REST beside `docker exec CONTAINER true`, by Docker's API (create,
 * start, wait for the exit) and by its CLI, and beside the bare start of `true` on this machine: in
 * blocks of each, which the goal is for, and one by one; then 50 at once, 1,000 in a row, and 200 MB
 * of output beside `docker exec`. `npm run bench -- exec [turns]`.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { promisify } from 'node:util';
import { execIn } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { BLOCK, inBlocks, type Kind, type Kinds, oneByOne, type Times } from './exec/forms.ts';
import { MEGABYTES, outputs } from './exec/output.ts';
import { figures, median, row, timed } from './figures/figures.ts';

const WARM_UP = 20;
/** Minimum speed-up over `docker exec` at the median, and share of its throughput; below either the exit code is 1. */
const GOALS = { speedUp: 8, throughput: 0.7 };
const AT_ONCE = 50;
const IN_A_ROW = 1000;
const OUTPUTS = 5;
/** Of the session: commands are to be compared, not what a small share of the processor does to them. */
const CPU = Number(process.env.RAWORC_BENCH_CPU ?? 1.5);

const turns = Number(process.argv[2] ?? 200);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

const run = promisify(execFile);
const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.push(end), passing: () => true, comment: () => undefined };
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1' }], nats: true });
  const session = await cluster.rest.createSession({ resources: { limits: { cpu: CPU } } });
  const container = session.container_id ?? '';

  const overRest = async () => {
    const { status, body } = await cluster.rest.call('POST', `/sessions/${session.id}/exec`, { argv: ['true'] });
    if (status !== 200) throw new Error(`exec answered ${status} ${JSON.stringify(body)}`);
  };
  const byApi = async () => {
    const { code } = await execIn(container, ['true']);
    if (code !== 0) throw new Error(`docker exec exited with ${code}`);
  };
  const byCli = () => run('docker', ['exec', container, 'true']);
  const bare = () => once(spawn('true'), 'close');
  const at = (work: () => Promise<unknown>) => () => Promise.all(Array.from({ length: AT_ONCE }, work));

  for (let turn = 0; turn < WARM_UP; turn += 1) await overRest();
  await byApi();
  const kinds: Kinds = { rest: overRest, api: byApi, cli: byCli, bare };
  const load = () => `load ${loadavg()[0]?.toFixed(1)}`;
  const faster = (times: Times, than: Kind) => median(times[than]) / median(times.rest);
  const print = (how: string, times: Times) => {
    console.log(`${how}, ${times.rest.length} of each, milliseconds, ${load()}, a session with ${CPU} CPU`);
    console.log(row('', ['median', 'p95', 'p99']));
    console.log(row('true over REST', figures(times.rest)));
    console.log(row("docker exec true (Docker's API)", figures(times.api)));
    console.log(row('docker exec true (CLI)', figures(times.cli)));
    console.log(row('true, started on this machine', figures(times.bare)));
    const [cli, api] = (['cli', 'api'] as const).map((than) => faster(times, than).toFixed(1));
    console.log(`At the median, ${cli} times faster than docker exec, ${api} than Docker's API.\n`);
  };
  const blocks = await inBlocks(kinds, turns, stop.signal);
  print(`In blocks of ${BLOCK}, each once Docker is idle`, blocks.times);
  if (blocks.busy > 0) console.log(`${blocks.busy} blocks began although Docker was busy.\n`);
  print('One by one, beside what Docker does after its own', await oneByOne(kinds, turns, stop.signal));
  const [rest, api] = [await timed(at(overRest)), await timed(at(byApi))];
  console.log(`${AT_ONCE} at once: ${Math.round(rest)} ms over REST, ${Math.round(api)} ms by Docker's API.`);
  const row1000: number[] = [];
  for (let turn = 0; turn < IN_A_ROW; turn += 1) row1000.push(await timed(overRest));
  console.log(row(`${IN_A_ROW} in a row over REST`, figures(row1000)));

  const of = { url: `http://127.0.0.1:${cluster.ports.http}`, token: cluster.rest.token, session: session.id, container };
  const { bounded, plain, docker } = await outputs(of, OUTPUTS, stop.signal);
  console.log(`\n${MEGABYTES} MB of output, ${OUTPUTS} turns, milliseconds, ${load()}`);
  console.log(row('exec by the SDK as in the CLI', figures(bounded)));
  console.log(row("the SDK, Node.js' own garbage", figures(plain)));
  console.log(row('docker exec (CLI)', figures(docker)));
  const [share, plainShare] = [bounded, plain].map((times) => median(docker) / median(times)) as [number, number];
  console.log(`exec has ${share.toFixed(2)} of the throughput of docker exec; with the defaults of Node.js ${plainShare.toFixed(2)}.`);
  if (faster(blocks.times, 'cli') < GOALS.speedUp || share < GOALS.throughput) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

/**
 * Times `true` in a session over REST beside `docker exec CONTAINER true`, by Docker's API (create,
 * start, wait for the exit) and by its CLI, and beside the bare start of `true` on this machine, in
 * turns in one run; then 50 at once, 1,000 in a row, and 200 MB of output beside `docker exec`.
 * `npm run bench -- exec [turns]`.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Raworc } from '../sdk/raworc.ts';
import { execIn } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { figures, median, row, timed } from './figures/figures.ts';

const WARM_UP = 20;
/** Minimum speed-up over `docker exec` at the median, and share of its throughput; below either the exit code is 1. */
const GOALS = { speedUp: 8, throughput: 0.7 };
const AT_ONCE = 50;
const IN_A_ROW = 1000;
const MEGABYTES = 200;
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
  const times = { rest: [] as number[], api: [] as number[], cli: [] as number[], bare: [] as number[] };
  for (let turn = 0; turn < turns; turn += 1) {
    stop.signal.throwIfAborted();
    times.rest.push(await timed(overRest));
    times.api.push(await timed(byApi));
    times.cli.push(await timed(byCli));
    times.bare.push(await timed(bare));
  }
  const load = () => `load ${loadavg()[0]?.toFixed(1)}`;
  console.log(`${turns} turns, milliseconds, ${load()}, a session with ${CPU} CPU`);
  console.log(row('', ['median', 'p95', 'p99']));
  console.log(row('true over REST', figures(times.rest)));
  console.log(row("docker exec true (Docker's API)", figures(times.api)));
  console.log(row('docker exec true (CLI)', figures(times.cli)));
  console.log(row('true, started on this machine', figures(times.bare)));
  const faster = (than: readonly number[]) => median(than) / median(times.rest);
  console.log(
    `At the median, ${faster(times.cli).toFixed(1)} times faster than docker exec, ${faster(times.api).toFixed(1)} than Docker's API.`,
  );
  const [rest, api] = [await timed(at(overRest)), await timed(at(byApi))];
  console.log(`${AT_ONCE} at once: ${Math.round(rest)} ms over REST, ${Math.round(api)} ms by Docker's API.`);
  const row1000: number[] = [];
  for (let turn = 0; turn < IN_A_ROW; turn += 1) row1000.push(await timed(overRest));
  console.log(row(`${IN_A_ROW} in a row over REST`, figures(row1000)));

  const pass = (await readFile(join(cluster.directory, 'controller', 'admin-password'), 'utf8')).trim();
  const raworc = new Raworc({ url: `http://127.0.0.1:${cluster.ports.http}`, login: { user: 'admin', pass } });
  const program = ['head', '-c', String(MEGABYTES * 1_000_000), '/dev/zero'];
  const output = async (source: AsyncIterable<Uint8Array>) => {
    let bytes = 0;
    for await (const piece of source) bytes += piece.byteLength;
    if (bytes !== MEGABYTES * 1_000_000) throw new Error(`${bytes} bytes of output`);
  };
  async function* ofSdk() {
    for await (const part of raworc.exec(session.id, { argv: program })) if (part.kind === 'stdout') yield part.bytes;
  }
  const outputs = { sdk: [] as number[], docker: [] as number[] };
  for (let turn = 0; turn < OUTPUTS; turn += 1) {
    stop.signal.throwIfAborted();
    outputs.sdk.push(await timed(() => output(ofSdk())));
    const docker = spawn('docker', ['exec', container, ...program], { stdio: ['ignore', 'pipe', 'inherit'] });
    outputs.docker.push(await timed(() => output(docker.stdout)));
  }
  console.log(`${MEGABYTES} MB of output, ${OUTPUTS} turns, milliseconds, ${load()}`);
  console.log(row('exec by the SDK', figures(outputs.sdk)));
  console.log(row('docker exec (CLI)', figures(outputs.docker)));
  const share = median(outputs.docker) / median(outputs.sdk);
  console.log(`exec has ${share.toFixed(2)} of the throughput of docker exec.`);
  if (faster(times.cli) < GOALS.speedUp || share < GOALS.throughput) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

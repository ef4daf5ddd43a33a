/**
 * Times `true` in a session over REST, and compares it with `docker exec CONTAINER true` by
 * Docker's API (create, start, wait for the exit), in turns in one run; then 50 at once, and the
 * bytes of one command's output. `npm run bench -- exec [turns]`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Raworc } from '../sdk/raworc.ts';
import { execIn } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { figures, median, row, timed } from './figures/figures.ts';

const WARM_UP = 20;
/** Minimum speed-up over `docker exec` at the median; below it the exit code is 1. */
const GOAL = 8;
const AT_ONCE = 50;
const MEGABYTES = 200;

const turns = Number(process.argv[2] ?? 200);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.push(end), passing: () => true, comment: () => undefined };
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1' }], nats: true });
  const session = await cluster.rest.createSession();
  const container = session.container_id ?? '';

  const overRest = async () => {
    const { status, body } = await cluster.rest.call('POST', `/sessions/${session.id}/exec`, { argv: ['true'] });
    if (status !== 200) throw new Error(`exec answered ${status} ${JSON.stringify(body)}`);
  };
  const byApi = async () => {
    const { code } = await execIn(container, ['true']);
    if (code !== 0) throw new Error(`docker exec exited with ${code}`);
  };
  const at = (work: () => Promise<void>) => () => Promise.all(Array.from({ length: AT_ONCE }, work));

  for (let turn = 0; turn < WARM_UP; turn += 1) await overRest();
  await byApi();
  const times = { rest: [] as number[], api: [] as number[] };
  for (let turn = 0; turn < turns; turn += 1) {
    stop.signal.throwIfAborted();
    times.rest.push(await timed(overRest));
    times.api.push(await timed(byApi));
  }
  console.log(`${turns} turns, milliseconds`);
  console.log(row('', ['median', 'p95', 'p99']));
  console.log(row('true over REST', figures(times.rest)));
  console.log(row('docker exec true (Docker API)', figures(times.api)));
  const ratio = median(times.api) / median(times.rest);
  console.log(`At the median, a command over REST is ${ratio.toFixed(1)} times faster.`);
  const [rest, api] = [await timed(at(overRest)), await timed(at(byApi))];
  console.log(`${AT_ONCE} at once: ${Math.round(rest)} ms over REST, ${Math.round(api)} ms by Docker's API.`);

  const pass = (await readFile(join(cluster.directory, 'controller', 'admin-password'), 'utf8')).trim();
  const raworc = new Raworc({ url: `http://127.0.0.1:${cluster.ports.http}`, login: { user: 'admin', pass } });
  let bytes = 0;
  const took = await timed(async () => {
    const command = { argv: ['head', '-c', String(MEGABYTES * 1_000_000), '/dev/zero'] };
    for await (const part of raworc.exec(session.id, command)) if (part.kind === 'stdout') bytes += part.bytes.byteLength;
  });
  console.log(`${Math.round(bytes / 1e6)} MB of output, as base64 in server-sent events: ${Math.round(bytes / 1e3 / took)} MB/s.`);
  if (ratio < GOAL || bytes !== MEGABYTES * 1_000_000) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

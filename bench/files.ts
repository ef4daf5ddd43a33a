/**
 * Times `raworc cp` and `docker cp` of one large file and of many small ones, both ways, in turns in
 * one run. `npm run bench -- files [turns]`.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startCluster } from '../tests/cluster/harness.ts';
import { figures, median, row, timed } from './figures/figures.ts';

const LARGE_BYTES = 200_000_000;
const SMALL_FILES = 10_000;
const SMALL_BYTES = 1000;
/** Of the throughput of `docker cp`; below it the exit code is 1. */
const GOAL = 0.7;

const turns = Number(process.argv[2] ?? 3);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');
const run = promisify(execFile);
const endings: (() => Promise<void>)[] = [];
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.push(end), passing: () => true, comment: () => undefined };
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1' }], nats: true });
  const session = await cluster.rest.createSession();
  const container = session.container_id ?? '';
  const workspace = join(cluster.node('node-1').diskFiles(session.id), 'workspace');
  const url = `http://127.0.0.1:${cluster.ports.http}`;
  const pass = (await readFile(join(cluster.directory, 'controller', 'admin-password'), 'utf8')).trim();
  const login = await fetch(`${url}/api/v0/auth/login`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ user: 'admin', pass }),
  });
  const { token } = (await login.json()) as { token: string };
  const env = { ...process.env, RAWORC_URL: url, RAWORC_TOKEN: token, HOME: cluster.directory };
  const cli = join(import.meta.dirname, '..', 'cli', 'main.ts');
  const raworc = (from: string, to: string) => () => run(process.execPath, [cli, 'cp', from, to], { env });
  const docker = (from: string, to: string) => () => run('docker', ['cp', from, to]);

  const here = join(cluster.directory, 'bench');
  await mkdir(join(here, 'many'), { recursive: true });
  await writeFile(join(here, 'large'), Buffer.alloc(LARGE_BYTES, 'x'));
  for (let n = 0; n < SMALL_FILES; n += 1) await writeFile(join(here, 'many', `file-${n}`), Buffer.alloc(SMALL_BYTES, 'y'));
  let isGood = true;
  console.log(`${turns} turns, milliseconds, load ${loadavg()[0]?.toFixed(1)}`);
  console.log(row('', ['median', 'p95', 'p99']));
  for (const name of ['large', 'many']) {
    const times: Record<'raworcUp' | 'dockerUp' | 'raworcDown' | 'dockerDown', number[]> = {
      raworcUp: [],
      dockerUp: [],
      raworcDown: [],
      dockerDown: [],
    };
    for (let turn = 0; turn < turns; turn += 1) {
      const at = `${name}-${turn}`;
      times.raworcUp.push(await timed(raworc(join(here, name), `${session.id}:r-${at}`)));
      times.dockerUp.push(await timed(docker(join(here, name), `${container}:/session/workspace/d-${at}`)));
      times.raworcDown.push(await timed(raworc(`${session.id}:r-${at}`, join(here, `r-${at}`))));
      times.dockerDown.push(await timed(docker(`${container}:/session/workspace/d-${at}`, join(here, `d-${at}`))));
      // From the session too, whose disk has room for a turn, but not for all.
      for (const made of [`r-${at}`, `d-${at}`])
        for (const directory of [here, workspace]) await rm(join(directory, made), { recursive: true, force: true });
    }
    for (const way of ['Up', 'Down'] as const) {
      const [ours, theirs] = [times[`raworc${way}`], times[`docker${way}`]];
      const what = name === 'large' ? `${LARGE_BYTES / 1e6} MB` : `${SMALL_FILES} files of ${SMALL_BYTES} B`;
      console.log(row(`raworc cp ${what} ${way === 'Up' ? 'in' : 'out'}`, figures(ours)));
      console.log(row(`docker cp ${what} ${way === 'Up' ? 'in' : 'out'}`, figures(theirs)));
      const ratio = median(theirs) / median(ours);
      console.log(`raworc cp has ${ratio.toFixed(2)} of the throughput of docker cp.`);
      isGood &&= ratio >= GOAL;
    }
  }
  if (!isGood) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

/**
 * Times `raworc cp` and `docker cp` of one large file and of many small ones, both ways, in turns in
 * one run; and how long the disk takes to sync the large file, which `docker cp` does not wait for.
 * `npm run bench -- files [turns]`.
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
/** The disk of a session has inodes for the small files of so many. */
const MAX_TURNS = 6;

const turns = Number(process.argv[2] ?? 3);
if (!Number.isInteger(turns) || turns < 1 || turns > MAX_TURNS) throw new Error(`the number of turns is from 1 to ${MAX_TURNS}`);
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
  const env = {
    ...{ ...process.env, RAWORC_URL: url, RAWORC_TOKEN: token, HOME: cluster.directory },
    // The package holds compiled files. Here the types are stripped from them once, before the first turn.
    NODE_COMPILE_CACHE: join(cluster.directory, 'compiled'),
  };
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
  await raworc(`${session.id}:.`, join(here, 'warm'))();
  for (const name of ['large', 'many']) {
    const times: Record<'raworcUp' | 'dockerUp' | 'raworcDown' | 'dockerDown', number[]> = {
      raworcUp: [],
      dockerUp: [],
      raworcDown: [],
      dockerDown: [],
    };
    const syncs: number[] = [];
    for (let turn = 0; turn < turns; turn += 1) {
      const at = `${name}-${turn}`;
      // Each goes first as often as second.
      const both = turn % 2 === 0 ? (['raworc', 'docker'] as const) : (['docker', 'raworc'] as const);
      for (const who of both) {
        const [copy, there, made] = [
          who === 'raworc' ? raworc : docker,
          who === 'raworc' ? `${session.id}:` : `${container}:/session/workspace/`,
          `${who}-${at}`,
        ];
        times[`${who}Up`].push(await timed(copy(join(here, name), `${there}${made}`)));
        if (name === 'large' && who === 'docker') syncs.push(await timed(() => run('sync', [join(workspace, made)])));
        times[`${who}Down`].push(await timed(copy(`${there}${made}`, join(here, made))));
        // The session's disk has room for one turn only. Small files stay until the end: ext4 does not
        // reuse the inodes of recently deleted files, and skipping them slows down whoever comes next.
        if (name === 'large') for (const directory of [here, workspace]) await rm(join(directory, made));
      }
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
    if (syncs.length > 0) console.log(row('sync of what docker cp brought in', figures(syncs)));
  }
  if (!isGood) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}

/**
 * Times builds on one node, each beside a bare reference in the same run: what a change of one file
 * of one of five agents costs, and `raworc agent deploy` of an agent with twenty packages from the
 * command to the first answer, beside `npm ci` and `pip install` without Raworc. Prints the time of
 * each stage, the containers that ran and the layers that changed.
 * `npm run bench -- builds [turns]`.
 */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installedNpm } from '../node-agent/images/installed-npm.ts';
import { deploy, packDirectory, writeAgent } from '../tests/cluster/agents.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { expect, type Rest } from '../tests/cluster/rest.ts';
import { type Build, buildShape } from '../tests/cluster/shapes.ts';
import { docker } from '../tests/host/busybox.ts';
import { fiveAgents, PACKAGES, twentyForNode, twentyForPython } from './builds/agents.ts';
import { median, row, timed } from './figures/figures.ts';

const run = promisify(execFile);
const PROJECT = join(import.meta.dirname, '..');
/** A rebuild takes less, or the exit code is 1. */
const GOAL_MS = 5_000;
const CHANGED = 'python-one';

const turns = Number(process.argv[2] ?? 5);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));

type StagesOf = { readonly stages?: readonly { readonly name: string; readonly duration_ms?: number | null }[] };
const stagesOf = async (rest: Rest, { id }: Build) => {
  const { stages = [] } = expect(await rest.call('GET', `/spaces/default/build/${id}`), 200, 'get a build') as StagesOf;
  return stages.map(({ name, duration_ms }) => `${name} ${duration_ms}`).join(', ');
};
const layersOf = async (image: string): Promise<string[]> =>
  JSON.parse(await docker('image', 'inspect', image, '--format', '{{json .RootFS.Layers}}'));

/** Uploads a source and deploys it. Resolves with the build once it is over. */
async function redeploy(rest: Rest, name: string, directory: string): Promise<Build> {
  const news = await rest.watch('/events');
  try {
    expect(
      await rest.send('PUT', `/spaces/default/agents/${name}/source`, await packDirectory(directory), 'application/gzip'),
      201,
      'upload',
    );
    expect(await rest.call('POST', `/spaces/default/agents/${name}/deploy`), 200, 'deploy');
    const { id } = await rest.latestBuild();
    let over: Build | undefined;
    await news.until('the build', (event) => {
      const build = buildShape.safeParse(event.data.build);
      if (build.success && build.data.id === id && ['completed', 'failed'].includes(build.data.status)) over = build.data;
      return over !== undefined;
    });
    if (over?.status !== 'completed') throw new Error(`the build failed: ${over?.error ?? 'no reason'}`);
    return over;
  } finally {
    news.close();
  }
}

/** Returns how many containers were created and how many started while the work ran. */
async function containersOf(work: () => Promise<void>): Promise<{ readonly created: number; readonly started: number }> {
  const since = Date.now() / 1000;
  await work();
  const filters = ['--filter', 'type=container', '--filter', 'event=create', '--filter', 'event=start'];
  const events = await docker(
    'events',
    '--since',
    String(since),
    '--until',
    String(Date.now() / 1000),
    ...filters,
    '--format',
    '{{.Action}}',
  );
  const count = (action: string) => events.split('\n').filter((line) => line === action).length;
  return { created: count('create'), started: count('start') };
}

try {
  const scope = { teardown: (end: () => Promise<void>) => endings.unshift(end), passing: () => true, comment: () => undefined };
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1', env: trust() }] });
  const { rest } = cluster;
  const image = process.env.RAWORC_BASE_IMAGE_TAG ?? 'raworc/session';
  const bare = () => timed(() => docker('run', '--rm', '--network', 'none', '--entrypoint', 'true', image));

  let before: string | undefined;
  for (const [name, files] of Object.entries(fiveAgents('zero'))) {
    const directory = await writeAgent(join(cluster.directory, 'five', name), files);
    before = (await deploy(rest, name, directory)).image_tag ?? undefined;
  }
  const times = { rebuild: [] as number[], bare: [] as number[] };
  for (let turn = 0; turn < turns; turn += 1) {
    stop.signal.throwIfAborted();
    const directory = await writeAgent(join(cluster.directory, 'five', CHANGED), fiveAgents(`word ${turn}`)[CHANGED] ?? {});
    let built: Build | undefined;
    let took = 0;
    const { created, started } = await containersOf(async () => {
      took = await timed(async () => {
        built = await redeploy(rest, CHANGED, directory);
      });
    });
    const reference = await bare();
    times.rebuild.push(took);
    times.bare.push(reference);
    if (built === undefined) continue;
    const [old, now] = [before === undefined ? [] : await layersOf(before), await layersOf(built.image_tag ?? '')];
    before = built.image_tag ?? undefined;
    const fresh = now.filter((layer) => !old.includes(layer)).length;
    console.log(
      `rebuild ${Math.round(took)} ms (${await stagesOf(rest, built)}); ${created} containers created, ${started} started; ${fresh} layer changed; docker run true ${Math.round(reference)} ms`,
    );
  }
  const slowest = Math.round(median(times.rebuild));
  console.log(row('one file of one of five agents', [`${slowest} ms`]));
  console.log(row('docker run true', [`${Math.round(median(times.bare))} ms`]));
  if (slowest >= GOAL_MS) process.exitCode = 1;

  const { directory: npmDirectory } = installedNpm();
  const npm = [process.execPath, join(npmDirectory, 'bin', 'npm-cli.js')];
  const url = `http://127.0.0.1:${cluster.ports.http}`;
  const { key } = expect(await rest.call('POST', '/api-keys', { name: 'bench' }), 201, 'make a key') as { readonly key: string };
  const env = { ...process.env, RAWORC_URL: url, RAWORC_TOKEN: key, HOME: cluster.directory };
  const cli = async (...args: string[]) => (await run(process.execPath, [join(PROJECT, 'cli', 'raworc.mjs'), ...args], { env })).stdout;
  const [nodeDirectory, pythonDirectory] = [join(cluster.directory, 'bare-node'), join(cluster.directory, 'bare-python')];
  const cases = [
    {
      name: 'twenty-node',
      files: twentyForNode(nodeDirectory, npm),
      bare: () =>
        run(npm[0] ?? '', [...npm.slice(1), 'ci', '--no-audit', '--no-fund', '--cache', join(nodeDirectory, '.cache')], {
          cwd: nodeDirectory,
        }),
    },
    {
      name: 'twenty-python',
      files: twentyForPython(pythonDirectory),
      bare: () =>
        run(
          'sh',
          ['-c', 'python3 -m venv .venv && .venv/bin/pip install --no-cache-dir --disable-pip-version-check -q -r requirements.txt'],
          {
            cwd: pythonDirectory,
          },
        ),
    },
  ];
  for (const { name, files, bare: install } of cases) {
    const directory = await writeAgent(join(cluster.directory, name), files);
    await writeAgent(join(cluster.directory, name === 'twenty-node' ? 'bare-node' : 'bare-python'), files);
    let answered = 0;
    let deployed = 0;
    const { created, started } = await containersOf(async () => {
      deployed = await timed(() => cli('agent', 'deploy', directory));
      answered = await timed(async () => {
        const session = await rest.createSession();
        await rest.say(session.id, 'hello', { agent: name });
      });
    });
    const reference = await timed(install);
    console.log(
      `${name}: ${PACKAGES} packages, command to first answer ${Math.round(deployed + answered)} ms (deploy ${Math.round(deployed)}: ${await stagesOf(rest, await rest.latestBuild())}; session and answer ${Math.round(answered)}); ${created} containers created, ${started} started; bare install ${Math.round(reference)} ms`,
    );
    await rm(directory, { recursive: true });
  }
} finally {
  for (const end of endings) await end();
}

/** The certificates of this machine, which a registry behind a proxy needs. */
function trust(): Record<string, string> {
  const file = process.env.NODE_EXTRA_CA_CERTS;
  return file === undefined ? {} : { RAWORC_BUILD_CA_FILE: file };
}

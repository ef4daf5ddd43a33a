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
import { sessionImage } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { freePorts } from '../tests/cluster/ports.ts';
import { expect, type Rest } from '../tests/cluster/rest.ts';
import { type Build, buildShape } from '../tests/cluster/shapes.ts';
import { docker } from '../tests/host/busybox.ts';
import { fiveAgents, PACKAGES, twentyForNode, twentyForPython } from './builds/agents.ts';
import { median, row, timed } from './figures/figures.ts';

const run = promisify(execFile);
const PROJECT = join(import.meta.dirname, '..');
/** A rebuild takes less each time, or the exit code is 1. */
const GOAL_MS = 5_000;
const CHANGED = 'python-one';
/** Of the five agents, each has its own. */
const WITH_DEPENDENCIES = 4;

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

/** Prints what does not hold, and makes the exit code 1. */
function must(holds: boolean, otherwise: string): void {
  if (holds) return;
  console.log(`FAILED: ${otherwise}`);
  process.exitCode = 1;
}

/** Returns how many sets of dependencies the builds of a node have installed, and how many they took from earlier images. */
async function dependencies(port: number): Promise<{ readonly installed: number; readonly reused: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const count = (how: string) => {
    const value = new RegExp(`^\\w*node_build_dependencies_total\\{how="${how}"\\} (\\d+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new Error(`the node has no count of dependencies that were ${how}`);
    return Number(value);
  };
  return { installed: count('installed'), reused: count('reused') };
}

/** Uploads a source and deploys it. Resolves with the build once it is over. */
function redeploy(rest: Rest, name: string, directory: string): Promise<Build> {
  return built(rest, async () => {
    const source = await packDirectory(directory);
    expect(await rest.send('PUT', `/spaces/default/agents/${name}/source`, source, 'application/gzip'), 201, 'upload');
    expect(await rest.call('POST', `/spaces/default/agents/${name}/deploy`), 200, 'deploy');
  });
}

/** Builds all agents again as they are. Resolves with the build once it is over. */
const rebuild = (rest: Rest): Promise<Build> =>
  built(rest, async () => {
    expect(await rest.call('POST', '/spaces/default/build', { force: true }), 201, 'build');
  });

async function built(rest: Rest, ask: () => Promise<void>): Promise<Build> {
  const news = await rest.watch('/events');
  try {
    await ask();
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
  const [metricsPort = 0] = await freePorts(1);
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1', env: trust(), metricsPort }] });
  const { rest } = cluster;
  const image = await sessionImage();
  const bare = () => timed(() => docker('run', '--rm', '--network', 'none', '--entrypoint', 'true', image));

  let before: string | undefined;
  for (const [name, files] of Object.entries(fiveAgents('zero'))) {
    const directory = await writeAgent(join(cluster.directory, 'five', name), files);
    before = (await deploy(rest, name, directory)).image_tag ?? undefined;
  }
  const first = await dependencies(metricsPort);
  must(first.installed === WITH_DEPENDENCIES, `five agents installed ${first.installed} sets of dependencies, not ${WITH_DEPENDENCIES}`);
  const again = await timed(async () => {
    before = (await rebuild(rest)).image_tag ?? undefined;
  });
  const second = await dependencies(metricsPort);
  must(second.installed === first.installed, `a rebuild with nothing changed installed ${second.installed - first.installed} of them`);
  must(second.reused >= first.reused + WITH_DEPENDENCIES, `a rebuild with nothing changed reused ${second.reused - first.reused} of them`);
  must(again < GOAL_MS, `a rebuild with nothing changed took ${Math.round(again)} ms`);
  console.log(row('five agents, nothing changed', [`${Math.round(again)} ms`]));
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
    const { installed } = await dependencies(metricsPort);
    must(installed === first.installed, `a change of one file installed ${installed - first.installed} sets of dependencies`);
    must(
      fresh === 1 && now.length === old.length,
      `a change of one file changed ${fresh} layers, and there are ${now.length} instead of ${old.length}`,
    );
    must(took < GOAL_MS, `a change of one file took ${Math.round(took)} ms`);
    console.log(
      `rebuild ${Math.round(took)} ms (${await stagesOf(rest, built)}); ${created} containers created, ${started} started; ${fresh} layer changed; docker run true ${Math.round(reference)} ms`,
    );
  }
  console.log(
    row('one file of one of five agents', [`${Math.round(median(times.rebuild))} ms`, `${Math.round(Math.max(...times.rebuild))} ms`]),
  );
  console.log(row('docker run true', [`${Math.round(median(times.bare))} ms`]));

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

/** Builds of agents with dependencies, in Docker, with a registry of npm and a directory of wheels. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { DockerBuilds } from '../../node-agent/engine/docker/builds/docker-builds.ts';
import { OwnImages } from '../../node-agent/engine/docker/builds/own-images.ts';
import { WorkDisks } from '../../node-agent/engine/docker/builds/work-disks.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { DockerDriver } from '../../node-agent/engine/docker/driver.ts';
import { removeNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { Builder } from '../../node-agent/images/builder.ts';
import { installGuestFiles } from '../../node-agent/images/guest-files.ts';
import { installedNpm } from '../../node-agent/images/installed-npm.ts';
import { runCommand } from '../../node-agent/volumes/command.ts';
import type { BuildReport__Output as BuildReport } from '../../proto/generated/raworc/node/v0/BuildReport.ts';
import { buildGuest } from '../../scripts/build-guest.ts';
import { systemClock, systemRandom } from '../../seams/system.ts';
import { silent } from '../unit/controller/core.ts';
import { docker } from './busybox.ts';
import { testDisks } from './test-disks.ts';
import { WHEEL, WHEEL_NAME } from './wheel.ts';

const MIB = 2 ** 20;
const OWNER = { clusterId: `test-${randomUUID()}`, nodeId: randomUUID() };
const LABEL = `label=raworc.cluster=${OWNER.clusterId}`;
const directory = mkdtempSync('/var/tmp/raworc-builds-');
const signal = new AbortController().signal;

t.setTimeout(240_000);

type Files = Readonly<Record<string, string | Buffer>>;
type Agent = readonly [name: string, runtime: 'PYTHON' | 'NODE' | 'NATIVE', handler: string, files: Files, executable?: string | undefined];

const lines = (text: string) => text.split('\n').filter(Boolean);

async function packed(files: Files, executable = ''): Promise<Uint8Array> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name, mode: name === executable ? 0o755 : 0o644 }, content);
  pack.finalize();
  return gzipSync(await buffer(pack));
}

const PYTHON = (reply: string): Agent => [
  'python',
  'PYTHON',
  'main.process_message',
  {
    'main.py': `from greeting import greet\ndef process_message(message, context):\n    return greet(${JSON.stringify(reply)})\n`,
    'requirements.txt': '--no-index\n--find-links wheels\ngreeting==1.0\n',
    [`wheels/${WHEEL_NAME}`]: WHEEL,
  },
];
const NODE: Agent = [
  'node',
  'NODE',
  'index.processMessage',
  {
    'index.mjs': "import ms from 'ms';\nexport const processMessage = (message) => ms(message);\n",
    'package.json': JSON.stringify({ name: 'agent', version: '1.0.0', dependencies: { ms: '2.1.3' } }),
  },
];

const NATIVE: Agent = ['native', 'NATIVE', 'run', { run: '#!/bin/sh\ncat\n' }, 'run'];

/** A node agent's builder over Docker. */
async function world() {
  const { directory: builtDirectory } = await buildGuest();
  const guestDirectory = await installGuestFiles({
    ...{ builtDirectory, nodePath: process.execPath, nodeVersion: process.version },
    directory: join(directory, 'guest'),
  });
  const clients = await dockerClients('/var/run/docker.sock');
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  const builds = new DockerBuilds({
    ...{ clients, owner: OWNER, guestDirectory, npm: installedNpm(), clock: systemClock, log: silent, run: runCommand },
    disks: new WorkDisks({ directory: join(directory, 'builds'), kind: 'image', run: runCommand, random: systemRandom }),
    stages: await OwnImages.open(join(directory, 'stages')),
    settings: { environment: {}, certificates: certificates !== undefined && existsSync(certificates) ? certificates : undefined },
    cgroupParent: () => undefined,
    limits: { cpuMillis: 2000, memoryBytes: 384 * MIB, processes: 64, diskBytes: 128 * MIB, temporaryBytes: 16 * MIB },
  });
  const driver = new DockerDriver({
    ...{ clients, owner: OWNER, guestDirectory, builds, clock: systemClock, log: silent },
    disks: testDisks(directory, OWNER),
    guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined },
  });
  await driver.prepare(signal);
  const sources = new Map<string, Uint8Array>();
  const ended = new Map<string, (report: BuildReport) => void>();
  const installs = { installed: 0, reused: 0 };
  const builder = new Builder({
    ...{ driver, clock: systemClock, random: systemRandom, log: silent, refusal: () => undefined },
    metrics: {
      ...{ gauge: () => undefined, histogram: () => ({ observe: () => undefined }) },
      counter: () => ({
        add(more: number, { how }: { how: 'installed' | 'reused' }) {
          installs[how] += more;
        },
      }),
    } as never,
    dialer: {
      async *fetchSource(digest: string) {
        yield sources.get(digest) ?? new Uint8Array();
      },
    } as unknown as ConstructorParameters<typeof Builder>[0]['dialer'],
    report: (report) => report.phase !== 'BUILD_BUILDING' && ended.get(report.buildId)?.(report),
  });
  const [baseImage = ''] = lines(
    await docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'label=raworc.image=base'),
  );
  const build = async (...agents: readonly Agent[]) => {
    const buildId = randomUUID();
    const image = `raworc_space_builds-test:${buildId}`;
    const specs = [];
    for (const [name, runtime, handler, files, executable] of agents) {
      const source = await packed(files, executable);
      const digest = `sha256:${createHash('sha256').update(source).digest('hex')}`;
      sources.set(digest, source);
      specs.push({ spec: { name, runtime, handler, idempotent: false } as never, digest });
    }
    const { promise, resolve } = Promise.withResolvers<BuildReport>();
    ended.set(buildId, resolve);
    builder.assign({ buildId, space: 'builds-test', image, baseImage, agents: specs, logTicket: '' });
    return { image, report: await promise };
  };
  return { build, builds, builder, driver, clients, installs };
}

const layersOf = async (image: string): Promise<string[]> =>
  JSON.parse(await docker('image', 'inspect', image, '--format', '{{json .RootFS.Layers}}'));

/** All that builds can leave on the host. */
async function leftovers() {
  return {
    containers: lines(await docker('ps', '-aq', '--filter', LABEL)).length,
    images: lines(await docker('image', 'ls', '-aq', '--filter', LABEL)).length,
    volumes: lines(await docker('volume', 'ls', '-q')).length,
    disks: existsSync(join(directory, 'builds')) ? readdirSync(join(directory, 'builds')).length : 0,
    mounts: readFileSync('/proc/mounts', 'utf8').split(directory).length - 1,
  };
}

t.test('builds with dependencies', async (t) => {
  const { build, builder, driver, clients, installs } = await world();
  t.teardown(async () => {
    await builder.close();
    const containers = lines(await docker('ps', '-aq', '--filter', LABEL));
    if (containers.length > 0) await docker('rm', '-f', ...containers);
    const images = lines(await docker('image', 'ls', '-q', '--filter', LABEL));
    if (images.length > 0) await docker('rmi', '-f', ...new Set(images));
    driver.close();
    await removeNetwork(clients.calls, SESSION_NETWORK, signal);
    rmSync(directory, { recursive: true, force: true });
  });

  await t.test('a build that fails says why and leaves nothing behind', async (t) => {
    const before = await leftovers();
    const python = (source: string, files: Files = {}): Agent => ['a', 'PYTHON', 'main.process_message', { 'main.py': source, ...files }];
    const native = (source: string, executable?: string): Agent => ['a', 'NATIVE', 'run', { run: source }, executable];
    const installing = (postinstall: string): Agent => [
      ...(['a', 'NODE', 'index.processMessage'] as const),
      { 'index.mjs': '', 'package.json': JSON.stringify({ name: 'a', version: '1.0.0', scripts: { postinstall } }) },
    ];
    const failing: readonly (readonly [what: string, agent: Agent, error: RegExp])[] = [
      ['a syntax error', python('def process_message(m, c):\n  return (\n'), /SyntaxError.*main\.py, line 2/],
      ['a missing module', python('\nimport nowhere\n'), /No module named 'nowhere' \(main\.py, line 2\)/],
      ['a missing function', python('x = 1\n'), /main has no function process_message/],
      [
        'a missing package of Node.js',
        ['a', 'NODE', 'index.processMessage', { 'index.mjs': "import 'nowhere';\n" }],
        /Cannot find package 'nowhere'/,
      ],
      ['CRLF in a script', native('#!/bin/sh\r\necho hello\r\n', 'run'), /run, line 1: the line ends with CRLF/],
      ['a program without x bit', native('#!/bin/sh\n'), /run is not executable\. Run chmod \+x run/],
      [
        'a package that no index has',
        python('', { 'requirements.txt': '--no-index\n--find-links wheels\nnowhere==9\n', 'wheels/x.txt': '' }),
        /pip install -r requirements\.txt failed for the agent a: exit code 1\. Its last lines:\n(.*\n)*.*No matching distribution found for nowhere==9/,
      ],
      [
        'a script that fills the disk',
        installing('head -c 500000000 /dev/zero > big'),
        /npm install failed .*more disk space than builds have/,
      ],
      [
        'a script that fills the memory',
        installing(`node -e "const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))"`),
        /npm install failed .*more memory than builds have/,
      ],
      ['a script that forks', installing('for i in $(seq 100); do sleep 60 & done; wait'), /npm install failed (.*\n)*.*[Ff]ork/],
    ];
    for (const [what, agent, error] of failing) {
      const { report } = await build(agent);
      t.match(report, { phase: 'BUILD_FAILED', error }, what);
    }
    t.same(await leftovers(), before);
  });

  await t.test('dependencies are installed once, and a changed file changes one layer', async (t) => {
    const first = await build(PYTHON('one'), NODE, NATIVE);
    t.match(first.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 2, reused: 0 });
    const second = await build(PYTHON('two'), NODE, NATIVE);
    t.match(second.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 2, reused: 2 });
    const [before, after] = [await layersOf(first.image), await layersOf(second.image)];
    t.equal(after.length, before.length);
    t.equal(after.filter((layer) => !before.includes(layer)).length, 1);

    await docker('rmi', first.image);
    const third = await build(NODE);
    t.match(third.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 2, reused: 3 }, 'copied from an image with more');
    await docker('rmi', second.image, third.image);
    t.match(await leftovers(), { containers: 0, images: 0, disks: 0, mounts: 0 }, 'the dependencies go with the last image');
  });
});

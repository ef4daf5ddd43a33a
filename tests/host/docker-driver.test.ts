import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import t, { type Test } from 'tap';
import tar from 'tar-stream';
import { Journal } from '../../journal/journal.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { DockerDriver } from '../../node-agent/engine/docker/driver.ts';
import { removeNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { Sockets } from '../../node-agent/guests/sockets.ts';
import { Ledger } from '../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../node-agent/node.ts';
import { RESERVED_PROCESSES } from '../../proto/reserved-processes.ts';
import type { Log } from '../../seams/log.ts';
import { systemClock, systemDisk, systemRandom } from '../../seams/system.ts';
import { assigned, HandController } from '../unit/node-agent/hand-controller.ts';
import { docker, makeBusyboxImage, makeSleepingGuest } from './busybox.ts';
import { playGuest } from './played-guest.ts';
import { diskDirectory, testDisks } from './test-disks.ts';

const CLUSTER = `test-${randomUUID()}`;
const TAG = randomUUID().slice(0, 8);
const IMAGE = `raworc-test-driver:${TAG}`;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const RUN = mkdtempSync('/tmp/rn-');

t.setTimeout(120_000);
t.before(() => makeBusyboxImage(IMAGE, { 'raworc.managed': 'true', 'raworc.image': 'base' }));
t.teardown(async () => {
  const containers = (await docker('ps', '-aq', '--filter', `label=raworc.cluster=${CLUSTER}`)).split('\n').filter(Boolean);
  if (containers.length > 0) await docker('rm', '-f', ...containers);
  const images = (await docker('image', 'ls', '-q', '--filter', `label=raworc.cluster=${CLUSTER}`)).split('\n').filter(Boolean);
  if (images.length > 0) await docker('rmi', '-f', ...images);
  await docker('rmi', '-f', IMAGE);
  const { calls } = await dockerClients('/var/run/docker.sock');
  await removeNetwork(calls, SESSION_NETWORK, new AbortController().signal);
  rmSync(RUN, { recursive: true, force: true });
});

/** A machine on which node agents start one after another. The test plays the guests. */
async function machine(t: Test, nodeId: string) {
  const directory = diskDirectory(t);
  const controller = new HandController();
  const guestDirectory = await makeSleepingGuest(join(directory, 'guest'));
  const runDirectory = join(RUN, nodeId);
  const guard = { apply: async () => undefined, remove: async () => undefined, close: () => undefined };
  return {
    controller,
    directory,
    disk: (sessionId: string) => join(directory, 'disks', sessionId),
    socket: (sessionId: string) => join(runDirectory, sessionId.replaceAll('-', ''), 'guest.sock'),
    async start(): Promise<NodeAgent> {
      const { journal, records } = await Journal.open({ disk: systemDisk, directory: join(directory, 'ledger'), name: 'ledger' });
      const driver = new DockerDriver({
        clients: await dockerClients('/var/run/docker.sock'),
        owner: { clusterId: CLUSTER, nodeId },
        disks: testDisks(directory, { clusterId: CLUSTER, nodeId }),
        guestDirectory,
        guard,
        clock: systemClock,
        log: quiet,
      });
      const node = new NodeAgent({
        nodeId,
        clusterId: 'cluster',
        incarnation: 1,
        version: '0',
        hostname: 'host',
        capacity: {},
        driver,
        listener: new Sockets({ runDirectory, clock: systemClock, log: quiet }),
        ledger: await Ledger.open(journal, records, 1),
        dialer: controller,
        clock: systemClock,
        random: systemRandom,
        log: quiet,
      });
      await node.start();
      return node;
    },
  };
}

const name = (sessionId: string) => `raworc_session_${sessionId}`;
const inspect = async (sessionId: string) => JSON.parse(await docker('inspect', name(sessionId)))[0];
const change = (
  number: number,
  assignments: ReturnType<typeof assigned>[],
  tombstones: { sessionId: string; upToGeneration: number }[] = [],
) => ({ kind: 'assignmentChange', value: { setId: 'set', number, assignments, tombstones } }) as const;
type Entry = Parameters<tar.Pack['entry']>[0];
const LONG_MS = 20_000;

t.test('a session in Docker: start, exits, restarts, removal', async (t) => {
  const { controller, socket, disk, start } = await machine(t, 'node-a');
  const session = randomUUID();
  const want = assigned(session, 1, 'DESIRED_RUNNING', false, IMAGE);
  let node = await start();
  t.teardown(() => node.close());
  const inventory = await controller.begin([want]);
  t.ok(inventory.images.includes(IMAGE));
  const phase = (wanted: string, generation = 1) =>
    controller.until(
      `${wanted} at ${generation}`,
      () => controller.heard('report').findLast((report) => report.phase === wanted && report.generation === generation),
      LONG_MS,
    );
  const starting = await controller.until(
    'a container that runs',
    () => controller.heard('report').find(({ containerId, phase }) => containerId !== '' && phase === 'STARTING'),
    LONG_MS,
  );

  const made = await inspect(session);
  t.equal(made.Id, starting.containerId);
  t.match(made.HostConfig, {
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    CapAdd: ['SETUID', 'SETGID', 'KILL'],
    SecurityOpt: ['no-new-privileges'],
    Init: true,
    Privileged: false,
    NetworkMode: 'raworc_network',
    Memory: 512 * 1024 * 1024,
    MemorySwap: 512 * 1024 * 1024,
    NanoCpus: 500_000_000,
    PidsLimit: 256 + RESERVED_PROCESSES,
  });
  t.same(made.Config.Env.map((line: string) => line.split('=')[0]).sort(), [
    'PATH',
    'RAWORC_AGENT_UID',
    'RAWORC_PROCESSES',
    'RAWORC_SESSION_ID',
    'RAWORC_SOCKET',
  ]);
  t.equal(made.Config.Labels['raworc.session'], session);
  t.match(await docker('exec', name(session), 'sh', '-c', 'echo kept > /session/file; touch /here; echo $?'), '1', 'the root is read-only');
  t.equal(statSync(join(socket(session), '..')).mode & 0o777, 0o700);

  await t.rejects(playGuest(socket(session), randomUUID()), 'a guest that names another session is refused');
  await playGuest(socket(session), session);
  await phase('RUNNING');

  // The node agent goes, and comes again.
  await node.close();
  node = await start();
  await controller.until('an inventory', () => controller.heard('inventory')[0], LONG_MS);
  await controller.begin([want]);
  await playGuest(socket(session), session);
  const adopted = await phase('RUNNING');
  t.equal(adopted.containerId, made.Id);
  t.equal((await inspect(session)).State.StartedAt, made.State.StartedAt, 'it was not touched');

  // Its container ends by itself.
  await docker('kill', name(session));
  const again = () => controller.heard('report').filter(({ phase }) => phase === 'STARTING').length > 0;
  await controller.until('starting again', () => again() || undefined, LONG_MS);
  await controller.until('its socket', () => (existsSync(socket(session)) ? true : undefined));
  await playGuest(socket(session), session);
  await controller.until('running again', () => controller.heard('report').filter(({ phase }) => phase === 'RUNNING')[1], LONG_MS);
  t.equal(await docker('exec', name(session), 'cat', '/session/file'), 'kept');

  // And is lost altogether.
  await docker('rm', '-f', name(session));
  const anew = await controller.until(
    'a new container',
    () => controller.heard('report').findLast(({ containerId }) => containerId !== '' && containerId !== made.Id),
    LONG_MS,
  );
  t.equal((await inspect(session)).Id, anew.containerId);
  t.equal(await docker('exec', name(session), 'cat', '/session/file'), 'kept');

  controller.say(change(1, [assigned(session, 2, 'DESIRED_PAUSED', true, IMAGE)]));
  await phase('PAUSED', 2);
  t.equal((await inspect(session)).State.Status, 'paused');
  controller.say(change(2, [assigned(session, 3, 'DESIRED_SUSPENDED', true, IMAGE)]));
  await phase('SUSPENDED', 3);
  await t.rejects(inspect(session));
  t.notOk(existsSync(join(socket(session), '..')));
  controller.say(change(3, [assigned(session, 4, 'DESIRED_RUNNING', true, IMAGE)]));
  await controller.until(
    'resumed',
    () => controller.heard('report').find(({ generation, containerId }) => generation === 4 && containerId !== ''),
    LONG_MS,
  );
  t.equal(await docker('exec', name(session), 'cat', '/session/file'), 'kept');

  controller.say(change(4, [], [{ sessionId: session, upToGeneration: 4 }]));
  await controller.until('removed', () => controller.heard('removed')[0], LONG_MS);
  await t.rejects(inspect(session));
  t.notOk(existsSync(disk(session)), 'its disk is gone');
  t.notOk(existsSync(join(socket(session), '..')));
});

t.test('a failed create has a readable reason, and objects of another node are left alone', async (t) => {
  const { controller, directory, disk, start } = await machine(t, 'node-b');
  const [noImage, foreign, lost] = [randomUUID(), randomUUID(), randomUUID()];
  const other = testDisks(directory, { clusterId: CLUSTER, nodeId: 'node-c' });
  await other.create({ sessionId: foreign, generation: 1, space: 'default', bytes: 2 ** 20 });
  const node = await start();
  t.teardown(() => node.close());
  const inventory = await controller.begin([
    assigned(noImage, 1, 'DESIRED_RUNNING', false, `raworc-test-driver:none-${TAG}`),
    assigned(lost, 1, 'DESIRED_RUNNING', true, IMAGE),
  ]);
  t.same(inventory.orphans, [], 'what is of another node is no orphan of this one');
  await controller.until('a question', () => controller.heard('imageMissing')[0], LONG_MS);
  controller.say({ kind: 'imageGone', value: { image: `raworc-test-driver:none-${TAG}`, reason: 'No build makes it.' } });
  const reason = async (session: string) =>
    (
      await controller.until(
        'a failure',
        () => controller.heard('report').find((report) => report.sessionId === session && report.phase === 'FAILED'),
        LONG_MS,
      )
    ).reason;
  t.match(await reason(noImage), /^No build makes it\.$/);
  t.match(await reason(lost), /^The volume .* is missing/);
  controller.say(
    change(
      1,
      [],
      [
        { sessionId: foreign, upToGeneration: 9 },
        { sessionId: noImage, upToGeneration: 9 },
      ],
    ),
  );
  await controller.until('removed', () => (controller.heard('removed').length === 2 ? true : undefined), LONG_MS);
  t.ok(existsSync(disk(foreign)));
});

t.test(
  'a session whose container name somebody else has fails and says so, is recovered once it is free, and can be deleted',
  async (t) => {
    const { controller, socket, disk, start } = await machine(t, 'node-taken');
    const session = randomUUID();
    const stranger = await docker('create', '--name', name(session), '--network', 'none', IMAGE, 'sh');
    t.teardown(() => docker('rm', '-f', stranger).catch(() => undefined));
    const node = await start();
    t.teardown(() => node.close());
    await controller.begin([assigned(session, 1, 'DESIRED_RUNNING', false, IMAGE)]);
    const failed = (generation: number) =>
      controller.until(
        `failed at ${generation}`,
        () => controller.heard('report').find((report) => report.phase === 'FAILED' && report.generation === generation),
        LONG_MS,
      );
    const { reason } = await failed(1);
    t.match(reason, `has the name ${name(session)} (${stranger.slice(0, 12)}, of the image ${IMAGE})`);
    t.match(reason, /Rename or remove it there, then recover the session/);
    t.match((await inspect(session)).State.Status, 'created', 'it is left alone');

    // Deleted while its name is taken: what it has goes, and what is not its own stays.
    controller.say(change(1, [], [{ sessionId: session, upToGeneration: 1 }]));
    await controller.until('removed', () => controller.heard('removed').find(({ sessionId }) => sessionId === session), LONG_MS);
    t.notOk(existsSync(disk(session)));
    t.equal((await inspect(session)).Id, stranger);

    const next = randomUUID();
    const holder = await docker('create', '--name', name(next), '--network', 'none', IMAGE, 'sh');
    t.teardown(() => docker('rm', '-f', holder).catch(() => undefined));
    controller.say(change(2, [assigned(next, 1, 'DESIRED_RUNNING', false, IMAGE)]));
    await controller.until(
      'failed',
      () => controller.heard('report').find(({ phase, sessionId }) => phase === 'FAILED' && sessionId === next),
      LONG_MS,
    );
    await docker('rm', '-f', holder);
    controller.say(change(3, [assigned(next, 2, 'DESIRED_RUNNING', false, IMAGE)]));
    await controller.until('its socket', () => (existsSync(socket(next)) ? true : undefined), LONG_MS);
    await controller.until(
      'its container',
      () => controller.heard('report').find(({ sessionId, containerId }) => sessionId === next && containerId !== ''),
      LONG_MS,
    );
    t.equal((await inspect(next)).Config.Labels['raworc.session'], next);
    controller.say(change(4, [], [{ sessionId: next, upToGeneration: 2 }]));
    await controller.until('gone', () => controller.heard('removed').find(({ sessionId }) => sessionId === next), LONG_MS);
  },
);

t.test('an image is built only from valid sources', async (t) => {
  const { controller, start } = await machine(t, 'node-d');
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([]);
  const source = async (entries: Entry[]) => {
    const pack = tar.pack();
    for (const entry of entries) pack.entry(entry, entry.type === undefined ? 'print("hello")\n' : '');
    pack.finalize();
    const bytes = await buffer(pack.pipe(createGzip()));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    controller.sources.set(digest, bytes);
    return digest;
  };
  const build = async (digest: string) => {
    const buildId = randomUUID();
    const image = `raworc_space_test-${TAG}:${buildId}`;
    const spec = {
      name: 'greeter',
      runtime: 'PYTHON',
      handler: 'main.process_message',
      idempotent: false,
      timeoutS: 0,
      memoryBytes: 0,
      concurrency: 0,
    } as const;
    controller.say({
      kind: 'build',
      value: { buildId, space: 'test', image, baseImage: IMAGE, agents: [{ spec, digest }], logTicket: '', repositories: [] },
    });
    const ended = () => controller.heard('build').find((report) => report.buildId === buildId && report.phase !== 'BUILD_BUILDING');
    return { image, report: await controller.until('the end of a build', ended, 60_000) };
  };

  const good = await build(
    await source([
      { name: 'main.py', mode: 0o4600, uid: 1000 },
      { name: 'bin', type: 'directory', mode: 0o700 },
      { name: 'bin/run', mode: 0o777 },
    ]),
  );
  t.match(good.report, { phase: 'BUILD_COMPLETED', imageId: /^sha256:/, error: '' });
  const listed = await docker(
    'run',
    '--rm',
    '--network',
    'none',
    '--label',
    `raworc.cluster=${CLUSTER}`,
    good.image,
    'find',
    '/opt/raworc/agents',
    '-exec',
    'stat',
    '-c',
    '%a %u:%g %n',
    '{}',
    ';',
  );
  t.same(listed.split('\n').sort(), [
    '644 0:0 /opt/raworc/agents/greeter/main.py',
    '755 0:0 /opt/raworc/agents',
    '755 0:0 /opt/raworc/agents/greeter',
    '755 0:0 /opt/raworc/agents/greeter/bin',
    '755 0:0 /opt/raworc/agents/greeter/bin/run',
  ]);
  await controller.until('its images', () => controller.heard('images').find(({ images }) => images.includes(good.image)), LONG_MS);

  const refused: readonly [string, Entry[], RegExp][] = [
    ['a way out', [{ name: '../evil' }], /"\.\."/],
    ['an absolute path', [{ name: '/etc/evil' }], /absolute/],
    ['a link out', [{ name: 'link', type: 'symlink', linkname: '../../etc/passwd' }], /link that leads outside/],
    ['a device', [{ name: 'disk', type: 'block-device', devmajor: 8, devminor: 0 }], /device/],
  ];
  for (const [what, entries, error] of refused)
    t.match((await build(await source(entries))).report, { phase: 'BUILD_FAILED', error }, what);

  const digest = await source([{ name: 'main.py' }]);
  const other = await source([{ name: 'other.py' }]);
  const bytes = controller.sources.get(other);
  if (bytes !== undefined) controller.sources.set(digest, bytes);
  const swapped = await build(digest);
  t.match(swapped.report, { phase: 'BUILD_FAILED', error: /digest/ }, 'content of another digest');
  await t.rejects(docker('image', 'inspect', swapped.image));
});

t.test('removing a container that is already being removed returns once it is gone', async (t) => {
  const directory = diskDirectory(t);
  const owner = { clusterId: CLUSTER, nodeId: 'node-removes' };
  const driver = new DockerDriver({
    clients: await dockerClients('/var/run/docker.sock'),
    owner,
    disks: testDisks(directory, owner),
    guestDirectory: await makeSleepingGuest(join(directory, 'guest')),
    guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined },
    clock: systemClock,
    log: quiet,
  });
  const { signal } = new AbortController();
  await driver.prepare(signal);
  const sessionId = randomUUID();
  const limits = { cpuMillis: 100, memoryBytes: 64 * 2 ** 20, diskBytes: 2 ** 20, processes: 16 };
  const plan = { sessionId, generation: 1, space: 'default', image: IMAGE, limits, uid: 10_001, socketDirectory: RUN };
  t.ok((await driver.volume({ kind: 'create-volume', plan }, signal)).ok);
  t.ok((await driver.createContainer(plan, signal)).ok);
  t.ok((await driver.start(sessionId, signal)).ok);
  await Promise.all(
    [1, 2, 3].map(async () => {
      await driver.removeContainer(sessionId, signal);
      t.equal((await driver.observe(sessionId, signal)).container, undefined);
    }),
  );
  await driver.volume({ kind: 'remove-volume', sessionId }, signal);
  t.equal((await driver.observe(sessionId, signal)).volume, undefined);
});

t.test('a container is found by its labels, whatever its name; a surplus one is removed', async (t) => {
  const { controller, socket, start } = await machine(t, 'node-names');
  const session = randomUUID();
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(session, 1, 'DESIRED_RUNNING', false, IMAGE)]);
  const report = (generation: number, wanted: string) =>
    controller.until(
      `${wanted} at ${generation}`,
      () => controller.heard('report').findLast(({ phase, generation: at }) => phase === wanted && at === generation),
      LONG_MS,
    );
  await controller.until('its socket', () => (existsSync(socket(session)) ? true : undefined), LONG_MS);
  await controller.until('its container', () => controller.heard('report').find(({ containerId }) => containerId !== ''), LONG_MS);
  await playGuest(socket(session), session);
  const { containerId } = await report(1, 'RUNNING');
  const own = () => docker('ps', '-aq', '--no-trunc', '--filter', `label=raworc.session=${session}`);
  await docker('rename', name(session), `raworc-test-elsewhere-${TAG}`);

  // Twins that never ran, one of them under the name: which of the two is found first is left open.
  const { streams } = await dockerClients('/var/run/docker.sock');
  const { Labels } = JSON.parse(await docker('inspect', containerId))[0].Config;
  const labels = Object.entries(Labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  for (const named of [['--name', name(session)], []]) {
    const twin = await docker('create', ...labels, ...named, '--network', 'none', IMAGE, 'sh');
    await streams
      .getContainer(twin)
      .wait({ condition: 'removed' })
      .catch(({ statusCode }: { statusCode: number }) => t.equal(statusCode, 404, 'it is gone already'));
    t.equal(await own(), containerId, 'the one that runs stays');
  }

  controller.say(change(1, [assigned(session, 2, 'DESIRED_PAUSED', true, IMAGE)]));
  t.equal((await report(2, 'PAUSED')).containerId, containerId);
  t.match(await docker('inspect', '-f', '{{.State.Status}}', containerId), 'paused');
  controller.say(change(2, [assigned(session, 3, 'DESIRED_RUNNING', true, IMAGE)]));
  t.equal((await report(3, 'RUNNING')).containerId, containerId, 'and none was made beside it');
  controller.say(change(3, [assigned(session, 4, 'DESIRED_SUSPENDED', true, IMAGE)]));
  await report(4, 'SUSPENDED');
  t.equal(await own(), '');
  controller.say(change(4, [], [{ sessionId: session, upToGeneration: 4 }]));
  await controller.until('removed', () => controller.heard('removed')[0], LONG_MS);
});

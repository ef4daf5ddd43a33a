/** A node agent with an engine that hangs and has many containers. A proxy counts every call. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { Journal } from '../../journal/journal.ts';
import { Conditions } from '../../node-agent/conditions.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { labelsOf } from '../../node-agent/engine/docker/container.ts';
import { DockerDriver } from '../../node-agent/engine/docker/driver.ts';
import { MAX_CALLS } from '../../node-agent/engine/engine-turns.ts';
import { ENGINE_HUNG } from '../../node-agent/engine/engine-watch.ts';
import { Sockets } from '../../node-agent/guests/sockets.ts';
import { Ledger } from '../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../node-agent/node.ts';
import type { Log } from '../../seams/log.ts';
import { systemClock, systemDisk, systemRandom } from '../../seams/system.ts';
import { scaled } from '../size/scale.ts';
import { assigned, HandController } from '../unit/node-agent/hand-controller.ts';
import { makeBusyboxImage, makeSleepingGuest } from './busybox.ts';
import { OwnEngine } from './own-engine.ts';
import { diskDirectory, testDisks } from './test-disks.ts';

const IMAGE = `raworc-test-hang:${randomUUID().slice(0, 8)}`;
const CONTAINERS = scaled({ short: 60, long: 1_000 });
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const RUN = mkdtempSync('/tmp/rh-');
const LONG_MS = 60_000;
/** Pings and listings: calls that belong to no session. */
const BESIDE = 4;

const isRequest = (chunk: Buffer) => /^(GET|POST|PUT|DELETE|HEAD) \//.test(chunk.toString('latin1', 0, 10));
const isAnswer = (chunk: Buffer) => chunk.toString('latin1', 0, 9) === 'HTTP/1.1 ';

/** Forwards everything, and counts requests and those without an answer. */
async function counting(from: string, to: string) {
  const count = { now: 0, most: 0, all: 0 };
  const server = createServer((client) => {
    const engine = connect(to);
    let open = 0;
    client.on('data', (chunk) => {
      if (!isRequest(chunk)) return;
      open += 1;
      count.now += 1;
      count.all += 1;
      count.most = Math.max(count.most, count.now);
    });
    engine.on('data', (chunk) => {
      if (open === 0 || !isAnswer(chunk)) return;
      open -= 1;
      count.now -= 1;
    });
    client.pipe(engine).pipe(client);
    client.on('error', () => engine.destroy());
    engine.on('error', () => client.destroy());
    client.on('close', () => engine.destroy());
    engine.on('close', () => {
      count.now -= open;
      open = 0;
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(from, resolve));
  return { count, close: () => server.close() };
}

t.setTimeout(scaled({ short: 240_000, long: 900_000 }));
t.test('an engine with many containers hangs, then continues', async (t) => {
  const engine = new OwnEngine();
  const directory = diskDirectory(t);
  const proxied = join(RUN, 'engine.sock');
  t.teardown(async () => {
    engine.hang(false);
    await engine.close();
    rmSync(RUN, { recursive: true, force: true });
  });
  await engine.start();
  await makeBusyboxImage(IMAGE, { 'raworc.managed': 'true', 'raworc.image': 'base' }, ['-H', `unix://${engine.socket}`]);
  const owner = { clusterId: 'test', nodeId: 'node' };
  const direct = (await dockerClients(engine.socket)).calls;
  const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };
  for (let at = 0; at < CONTAINERS; at += 1) {
    const sessionId = randomUUID();
    const plan = { sessionId, generation: 1, space: 'default', image: IMAGE, limits, uid: 10_001, socketDirectory: '' };
    await direct.createContainer({ name: `raworc_session_${sessionId}`, Image: IMAGE, Labels: labelsOf(owner, plan), Cmd: ['true'] });
  }

  const proxy = await counting(proxied, engine.socket);
  t.teardown(() => proxy.close());
  const controller = new HandController();
  const { journal, records } = await Journal.open({ disk: systemDisk, directory: join(directory, 'ledger'), name: 'ledger' });
  const conditions = new Conditions(systemClock, quiet);
  const driver = new DockerDriver({
    clients: await dockerClients(proxied),
    owner,
    disks: testDisks(directory, owner),
    guestDirectory: await makeSleepingGuest(join(directory, 'guest')),
    guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined },
    clock: systemClock,
    log: quiet,
  });
  const node = new NodeAgent({
    ...{
      nodeId: 'node',
      clusterId: 'cluster',
      incarnation: 1,
      version: '0',
      hostname: 'host',
      capacity: {},
      conditions,
      relistEveryMs: 2_000,
    },
    ...{ driver, listener: new Sockets({ runDirectory: RUN, clock: systemClock, log: quiet }), dialer: controller },
    ...{ ledger: await Ledger.open(journal, records, 1), clock: systemClock, random: systemRandom, log: quiet },
  });
  t.teardown(() => node.close());
  await node.start();
  // Each further part comes when the one before it was taken.
  for (let number = 1; ; number += 1) {
    const part = await controller.until('a part', () => controller.heard('inventory').find((one) => one.part === number), LONG_MS);
    if (!part.more) break;
    controller.say({ kind: 'inventoryTaken', value: { part: number } });
  }
  const orphans = controller.heard('inventory').flatMap((part) => part.orphans);
  t.equal(orphans.length, CONTAINERS, 'all are found');
  t.ok(proxy.count.most <= MAX_CALLS + BESIDE, `${proxy.count.most} calls at once for ${CONTAINERS} containers`);

  await t.test('a full listing inspects no container that has not changed', async (t) => {
    const before = proxy.count.all;
    await new Promise<void>((resolve) => systemClock.after(7_000, resolve));
    const asked = proxy.count.all - before;
    t.ok(asked > 3, `${asked} calls`);
    t.ok(asked < 60, `${asked} calls in three looks at ${CONTAINERS} containers`);
  });

  await t.test('while the engine hangs, the node reports it and starts no call; afterwards everything is done once', async (t) => {
    controller.welcome();
    controller.say({ kind: 'assignmentSet', value: { setId: 'set', assignments: [], tombstones: [], part: 0, more: false } });
    await controller.until('the set to be taken', () => controller.heard('setPartTaken')[0], LONG_MS);
    engine.hang(true);
    const hungAt = systemClock.monotonic();
    await controller.until(
      'a condition',
      () => controller.heard('conditions').find((one) => one.conditions[0]?.type === ENGINE_HUNG),
      LONG_MS,
    );
    t.comment(`known after ${Math.round(systemClock.monotonic() - hungAt)} ms`);
    t.match(conditions.all(), [{ type: ENGINE_HUNG, unschedulable: true }]);
    const session = randomUUID();
    const wanted = assigned(session, 1, 'DESIRED_RUNNING', false, IMAGE);
    controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [wanted], tombstones: [] } });
    await new Promise<void>((resolve) => systemClock.after(5_000, resolve));
    t.ok(proxy.count.now <= MAX_CALLS + BESIDE, `${proxy.count.now} calls wait for the engine`);
    engine.hang(false);
    const up = () => controller.heard('report').find((report) => report.sessionId === session && report.containerId !== '');
    await controller.until('the session to be begun', up, LONG_MS);
    await controller.until('no condition', () => (conditions.all().length === 0 ? true : undefined), LONG_MS).catch(() => undefined);
    t.same(conditions.all(), []);
    const made = await engine.docker('ps', '-aq', '--filter', `label=raworc.session=${session}`);
    t.equal(made.split('\n').length, 1, 'one container');
  });
});

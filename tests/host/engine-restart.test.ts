/**
 * A node agent whose engine stops and returns, with or without its containers. The test plays the
 * guests.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Journal } from '../../journal/journal.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { DockerDriver } from '../../node-agent/engine/docker/driver.ts';
import { Sockets } from '../../node-agent/guests/sockets.ts';
import { Ledger } from '../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../node-agent/node.ts';
import type { Log } from '../../seams/log.ts';
import { systemClock, systemDisk, systemRandom } from '../../seams/system.ts';
import { assigned, HandController } from '../unit/node-agent/hand-controller.ts';
import { makeBusyboxImage, makeSleepingGuest } from './busybox.ts';
import { OwnEngine } from './own-engine.ts';
import { playGuest } from './played-guest.ts';
import { diskDirectory, testDisks } from './test-disks.ts';

const IMAGE = `raworc-test-engine:${randomUUID().slice(0, 8)}`;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const RUN = mkdtempSync('/tmp/rn-');
const LONG_MS = 60_000;

t.setTimeout(300_000);
t.test('sessions survive the end of their engine, which does not count as their exit', async (t) => {
  const engine = new OwnEngine();
  const directory = diskDirectory(t);
  t.teardown(async () => {
    await engine.close();
    rmSync(RUN, { recursive: true, force: true });
  });
  await engine.start();
  await makeBusyboxImage(IMAGE, { 'raworc.managed': 'true', 'raworc.image': 'base' }, ['-H', `unix://${engine.socket}`]);

  const controller = new HandController();
  const owner = { clusterId: 'test', nodeId: 'node' };
  const { journal, records } = await Journal.open({ disk: systemDisk, directory: join(directory, 'ledger'), name: 'ledger' });
  const ledger = await Ledger.open(journal, records, 1);
  const driver = new DockerDriver({
    clients: await dockerClients(engine.socket),
    owner,
    disks: testDisks(directory, owner),
    guestDirectory: await makeSleepingGuest(join(directory, 'guest')),
    guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined },
    clock: systemClock,
    log: quiet,
  });
  const node = new NodeAgent({
    ...{ nodeId: 'node', clusterId: 'cluster', incarnation: 1, version: '0', hostname: 'host', capacity: {} },
    ...{ driver, listener: new Sockets({ runDirectory: RUN, clock: systemClock, log: quiet }), ledger, dialer: controller },
    ...{ clock: systemClock, random: systemRandom, log: quiet },
  });
  t.teardown(() => node.close());
  await node.start();

  const running = randomUUID();
  const frozen = randomUUID();
  const reports = (session: string) => controller.heard('report').filter(({ sessionId }) => sessionId === session);
  const heard = new Map<string, number>();
  const seen = () => {
    for (const { sessionId, number } of controller.heard('report')) heard.set(sessionId, Math.max(number, heard.get(sessionId) ?? 0));
  };
  const isNew = ({ sessionId, number }: { sessionId: string; number: number }) => number > (heard.get(sessionId) ?? 0);
  const next = (session: string, phase: string) =>
    controller.until(
      `${session} to be ${phase}`,
      () => {
        const found = reports(session).find((report) => report.phase === phase && isNew(report));
        if (found !== undefined) heard.set(session, found.number);
        return found;
      },
      LONG_MS,
    );
  const up = async (session: string) => {
    await controller.until(
      `${session} to run`,
      () => reports(session).find((report) => report.phase === 'STARTING' && isNew(report) && report.containerId !== ''),
      LONG_MS,
    );
    const guest = await playGuest(join(RUN, session.replaceAll('-', ''), 'guest.sock'), session);
    await next(session, 'RUNNING');
    return guest;
  };
  const startedAt = () => engine.docker('inspect', '-f', '{{.State.StartedAt}}', `raworc_session_${running}`);
  const want = [assigned(running, 1, 'DESIRED_RUNNING', false, IMAGE), assigned(frozen, 1, 'DESIRED_RUNNING', false, IMAGE)];
  await controller.begin(want);
  await controller.until('both to be begun', () => (reports(running).length > 0 && reports(frozen).length > 0 ? true : undefined));
  let guest = await up(running);
  const frozenGuest = await up(frozen);
  await engine.docker('exec', `raworc_session_${running}`, 'sh', '-c', 'echo kept > /session/file');
  controller.say({
    kind: 'assignmentChange',
    value: { setId: 'set', number: 1, assignments: [assigned(frozen, 2, 'DESIRED_PAUSED', true, IMAGE)], tombstones: [] },
  });
  await next(frozen, 'PAUSED');

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await t.test(`the engine is stopped by ${signal} and restarted`, async (t) => {
      const before = await startedAt();
      seen();
      await engine.end(signal);
      guest.close();
      frozenGuest.close();
      await engine.start();
      if (signal === 'SIGTERM') await next(frozen, 'SUSPENDED');
      guest = await up(running);
      t.not(await startedAt(), before, 'its container was started again');
      t.equal(await engine.docker('exec', `raworc_session_${running}`, 'cat', '/session/file'), 'kept');
      t.same(ledger.ends(running)?.at ?? [], [], 'and had no end of its own');
    });
  }

  await t.test('an engine that keeps its containers running through its restart finds them untouched', async (t) => {
    seen();
    await engine.end('SIGTERM');
    await engine.start('--live-restore');
    guest.close();
    guest = await up(running);
    const before = await startedAt();
    await engine.end('SIGKILL');
    await engine.start('--live-restore');
    const woken = assigned(frozen, 3, 'DESIRED_RUNNING', true, IMAGE);
    controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 2, assignments: [woken], tombstones: [] } });
    await up(frozen);
    t.equal(await startedAt(), before);
    t.same(ledger.ends(running)?.at ?? [], []);
  });
});

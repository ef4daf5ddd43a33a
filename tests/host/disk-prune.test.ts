/**
 * Disks of sessions while an operator prunes the engine: current disks, and volumes of older
 * versions.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import { diskDirectory, testDisks } from './test-disks.ts';

const IMAGE = `raworc-test-prune:${randomUUID().slice(0, 8)}`;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const OWNER = { clusterId: 'test', nodeId: 'node' };
const LONG_MS = 60_000;

t.setTimeout(300_000);
t.test('docker prune removes nothing of a session', async (t) => {
  const engine = new OwnEngine();
  const run = mkdtempSync('/tmp/rn-');
  const directory = diskDirectory(t);
  t.teardown(async () => {
    await engine.close();
    rmSync(run, { recursive: true, force: true });
  });
  await engine.start();
  const makeImage = () => makeBusyboxImage(IMAGE, { 'raworc.managed': 'true', 'raworc.image': 'base' }, ['-H', `unix://${engine.socket}`]);
  await makeImage();
  const guestDirectory = await makeSleepingGuest(join(directory, 'guest'));
  const controller = new HandController();
  const start = async () => {
    const { journal, records } = await Journal.open({ disk: systemDisk, directory: join(directory, 'ledger'), name: 'ledger' });
    const driver = new DockerDriver({
      ...{ clients: await dockerClients(engine.socket), owner: OWNER, disks: testDisks(directory, OWNER), guestDirectory },
      ...{ guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined }, clock: systemClock, log: quiet },
    });
    const node = new NodeAgent({
      ...{ nodeId: 'node', clusterId: 'cluster', incarnation: 1, version: '0', hostname: 'host', capacity: {} },
      ...{ driver, listener: new Sockets({ runDirectory: run, clock: systemClock, log: quiet }) },
      ...{ ledger: await Ledger.open(journal, records, 1), dialer: controller, clock: systemClock, random: systemRandom, log: quiet },
    });
    await node.start();
    return node;
  };
  const prune = async () => {
    await engine.docker('volume', 'prune', '-f');
    await engine.docker('system', 'prune', '-af', '--volumes');
  };
  const reported = (session: string, generation: number, what: 'SUSPENDED' | 'a container') =>
    controller.until(
      `${session} at ${generation}: ${what}`,
      () =>
        controller
          .heard('report')
          .find(
            (report) =>
              report.sessionId === session &&
              report.generation === generation &&
              (report.phase === what || (what === 'a container' && report.containerId !== '')),
          ),
      LONG_MS,
    );
  const inside = (session: string, ...command: string[]) => engine.docker('exec', `raworc_session_${session}`, ...command);
  const kept = (session: string) => inside(session, 'cat', '/session/file');
  let change = 0;
  const want = (session: string, generation: number, desired: 'DESIRED_RUNNING' | 'DESIRED_SUSPENDED') => {
    change += 1;
    const assignments = [assigned(session, generation, desired, true, IMAGE)];
    controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: change, assignments, tombstones: [] } });
  };

  // Volumes of an earlier version: of a running session, of a suspended one, and of one whose files
  // cannot be moved now.
  const [fresh, running, resting] = [randomUUID(), randomUUID(), randomUUID()];
  const labels = (session: string) =>
    Object.entries({ managed: 'true', cluster: 'test', node: 'node', session, space: 'default', generation: '1' }).flatMap(
      ([key, value]) => ['--label', `raworc.${key}=${value}`],
    );
  const volume = (session: string) => `raworc_session_data_${session}`;
  for (const session of [running, resting]) {
    await engine.docker('volume', 'create', ...labels(session), volume(session));
    const path = await engine.docker('volume', 'inspect', '-f', '{{.Mountpoint}}', volume(session));
    writeFileSync(join(path, 'file'), `of ${session}`);
  }
  const old = ['--name', `raworc_session_${running}`, ...labels(running), '-v', `${volume(running)}:/session:nocopy`, '--network', 'none'];
  await engine.docker('run', '-d', ...old, IMAGE, 'sleep', '1000');

  let node = await start();
  t.teardown(() => node.close());
  await controller.begin([
    assigned(fresh, 1, 'DESIRED_RUNNING', false, IMAGE),
    assigned(running, 1, 'DESIRED_RUNNING', true, IMAGE),
    assigned(resting, 1, 'DESIRED_SUSPENDED', true, IMAGE),
  ]);
  await reported(fresh, 1, 'a container');
  await reported(resting, 1, 'SUSPENDED');
  await t.rejects(engine.docker('volume', 'inspect', volume(resting)), 'a suspended one is the node agent’s at once');
  t.match(await engine.docker('volume', 'inspect', volume(running)), running, 'one that runs is left alone');
  t.equal(await kept(running), `of ${running}`);
  await inside(fresh, 'sh', '-c', `echo of ${fresh} > /session/file`);

  for (const session of [fresh, running]) {
    want(session, 2, 'DESIRED_SUSPENDED');
    await reported(session, 2, 'SUSPENDED');
  }
  t.equal(await engine.docker('ps', '-aq'), '', 'no container is left to keep anything from being pruned');
  await prune();
  t.equal(await engine.docker('volume', 'ls', '-q'), '', 'and no volume');
  t.equal(await engine.docker('images', '-q'), '', 'nor image');

  // Everything is found again by a node agent that starts now.
  await node.close();
  node = await start();
  await makeImage();
  const inventory = await controller.until('an inventory', () => controller.heard('inventory')[0], LONG_MS);
  t.ok(inventory, 'it starts');
  await controller.begin([fresh, running, resting].map((session) => assigned(session, 3, 'DESIRED_RUNNING', true, IMAGE)));
  for (const session of [fresh, running, resting]) {
    await reported(session, 3, 'a container');
    t.equal(await kept(session), `of ${session}`, 'what was written is there');
    t.ok(existsSync(join(directory, 'disks', session, 'record.json')));
    t.equal(
      JSON.parse(readFileSync(join(directory, 'disks', session, 'record.json'), 'utf8')).kind,
      session === fresh ? 'image' : 'measured',
    );
  }
});

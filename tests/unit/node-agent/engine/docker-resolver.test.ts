/** Docker's name server tells the names of other sessions: whatever cuts a start off, it is closed. The engine is played from its socket. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { dockerClients } from '../../../../node-agent/engine/docker/client.ts';
import { labelsOf } from '../../../../node-agent/engine/docker/container.ts';
import { DockerDriver } from '../../../../node-agent/engine/docker/driver.ts';
import { Disks } from '../../../../node-agent/volumes/disks.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';
import { silent } from '../../controller/core.ts';
import { playedEngine } from './played-engine.ts';

const S = 'session-1';
const PID = 4321;
const owner = { clusterId: 'cluster', nodeId: 'node' };
const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };
const labels = labelsOf(owner, { sessionId: S, generation: 1, space: 'default', image: 'image', limits, uid: 1000, socketDirectory: '' });
const running = { Running: true, Status: 'running', Pid: PID, ExitCode: 0, OOMKilled: false };

/** An engine with one container, which `start` starts; looks at it fail as often as is asked. */
async function engine(t: Test) {
  const state = { started: false, failLooks: 0 };
  const answer = (url: string): [number, unknown] => {
    if (url.endsWith('/version')) return [200, { Version: '20.10.0', ApiVersion: '1.41', MinAPIVersion: '1.12' }];
    if (url.endsWith('/start')) {
      state.started = true;
      return [204, undefined];
    }
    if (url.includes('/containers/json'))
      return [200, [{ Id: 'c1', Names: [], Labels: labels, State: 'running', Image: 'image', Created: 1 }]];
    if (state.started && state.failLooks > 0) {
      state.failLooks -= 1;
      return [500, { message: 'busy' }];
    }
    const stopped = { ...running, Running: false, Status: 'created', Pid: 0 };
    const mounts = [{ Destination: '/etc/resolv.conf' }];
    const at = { Id: 'c1', Name: `/raworc_session_${S}`, Config: { Labels: labels, Image: 'image' }, Mounts: mounts };
    return [200, { ...at, State: state.started ? running : stopped, HostConfig: {} }];
  };
  const socket = await playedEngine(t, (request, response) => {
    const [status, body] = answer(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? undefined : JSON.stringify(body));
  });
  return { state, socket };
}

async function driverOf(t: Test, socket: string) {
  let closed: () => void = () => undefined;
  const ran: string[] = [];
  const run = async (program: string, args: readonly string[]) => {
    if (program !== 'nsenter') return '';
    ran.push(args.join(' '));
    closed();
    return '';
  };
  const directory = testDirectory(t);
  const driver = new DockerDriver({
    clients: await dockerClients(socket),
    owner,
    guestDirectory: directory,
    guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined },
    disks: new Disks({ directory: join(directory, 'disks'), owner, kind: 'measured', run, random: systemRandom, log: silent }),
    clock: systemClock,
    log: silent,
    run,
  });
  t.teardown(() => driver.close());
  const closing = new Promise<void>((resolve) => {
    closed = resolve;
  });
  return { driver, ran, closing };
}

const signal = new AbortController().signal;
const route = `--net=/proc/${PID}/ns/net ip route replace unreachable 127.0.0.11/32 table local`;

t.test('a node agent that ended right after a start closes it when it comes back, and once', async (t) => {
  const { state, socket } = await engine(t);
  state.started = true;
  const { driver, ran, closing } = await driverOf(t, socket);
  await driver.list(signal);
  await closing;
  t.same(ran, [route]);
  await driver.observe(S, signal);
  await driver.list(signal);
  await driver.observe(S, signal);
  t.same(ran, [route], 'and asks no more');
});

t.test('where the look after a start failed, the next one closes it', async (t) => {
  const { state, socket } = await engine(t);
  const { driver, ran } = await driverOf(t, socket);
  const seen = await driver.observe(S, signal);
  t.equal(seen.container?.state, 'created');
  t.same(ran, [], 'nothing runs yet');
  state.started = true;
  state.failLooks = 1;
  await t.rejects(driver.observe(S, signal));
  await driver.observe(S, signal);
  t.same(ran, [route]);
});

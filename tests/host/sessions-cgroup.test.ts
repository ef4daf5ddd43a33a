/**
 * Many sessions, each within its limits, cannot exhaust the host: one control group bounds them
 * all.
 */
import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Conditions } from '../../node-agent/conditions.ts';
import { cgroupMounts } from '../../node-agent/engine/cgroup/mounts.ts';
import type { Totals } from '../../node-agent/engine/cgroup/totals.ts';
import type { BoundsOptions } from '../../node-agent/engine/docker/bounds.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { containerName } from '../../node-agent/engine/docker/container.ts';
import { DockerDriver } from '../../node-agent/engine/docker/driver.ts';
import { removeNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { runCommand } from '../../node-agent/volumes/command.ts';
import type { Log } from '../../seams/log.ts';
import { systemClock } from '../../seams/system.ts';
import { docker, makeBusyboxImage, makeSleepingGuest } from './busybox.ts';
import { diskDirectory, testDisks } from './test-disks.ts';

const MIB = 2 ** 20;
const CLUSTER = `test-${randomUUID()}`;
const IMAGE = `raworc-test-cgroup:${randomUUID().slice(0, 8)}`;
const RUN = mkdtempSync('/tmp/rn-');
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const LIMITS = { cpuMillis: 500, memoryBytes: 256 * MIB, diskBytes: 4 * MIB, processes: 256 };
const { signal } = new AbortController();

t.setTimeout(120_000);
t.before(() => makeBusyboxImage(IMAGE, { 'raworc.managed': 'true' }));
t.teardown(async () => {
  const left = (await docker('ps', '-aq', '--filter', `label=raworc.cluster=${CLUSTER}`)).split('\n').filter(Boolean);
  if (left.length > 0) await docker('rm', '-f', ...left);
  await docker('rmi', '-f', IMAGE);
  await removeNetwork((await dockerClients('/var/run/docker.sock')).calls, SESSION_NETWORK, signal);
  rmSync(RUN, { recursive: true, force: true });
});

const proc = (name: string) => Number(readFileSync(`/proc/sys/kernel/${name}`, 'utf8'));

/** Returns the host's reserve if sessions get these totals. */
async function reserveFor(totals: Partial<Totals>): Promise<Partial<Totals>> {
  const [cpus = '', memory = ''] = (await docker('info', '--format', '{{.NCPU}} {{.MemTotal}}')).split(' ');
  const host: Totals = {
    cpuMillis: Number(cpus) * 1000,
    memoryBytes: Number(memory),
    processes: Math.min(proc('pid_max'), proc('threads-max')),
  };
  return Object.fromEntries(Object.entries(totals).map(([field, value]) => [field, host[field as keyof Totals] - value]));
}

async function machine(t: Test, totals: Partial<Totals>, more: Partial<BoundsOptions> = {}, nodeId: string = randomUUID()) {
  const directory = diskDirectory(t);
  const owner = { clusterId: CLUSTER, nodeId };
  const conditions = new Conditions(systemClock, quiet);
  const driver = new DockerDriver({
    clients: await dockerClients('/var/run/docker.sock'),
    owner,
    disks: testDisks(directory, owner),
    guestDirectory: await makeSleepingGuest(join(directory, 'guest')),
    guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined },
    bounds: { reserve: await reserveFor(totals), diskBytes: async () => 2 ** 40, run: runCommand, ...more },
    conditions,
    clock: systemClock,
    log: quiet,
  });
  await driver.prepare(signal);
  const made: string[] = [];
  t.teardown(async () => {
    for (const id of made) await driver.removeContainer(id, signal);
    for (const id of made) await driver.volume({ kind: 'remove-volume', sessionId: id }, signal);
    await driver.dismantle(signal);
    driver.close();
  });
  return {
    ...{ driver, conditions, nodeId },
    async session(limits = LIMITS): Promise<string> {
      const sessionId = randomUUID();
      made.push(sessionId);
      const plan = { sessionId, generation: 1, space: 'default', image: IMAGE, limits, uid: 600_000 + made.length, socketDirectory: RUN };
      t.match(await driver.volume({ kind: 'create-volume', plan }, signal), { ok: true });
      t.match(await driver.createContainer(plan, signal), { ok: true });
      t.match(await driver.start(sessionId, signal), { ok: true });
      return sessionId;
    },
  };
}

/** Returns the group's files for either version of control groups. */
function groupFile(nodeId: string, controller: 'memory' | 'pids' | 'cpu', v1: string, v2: string): string {
  const mounts = cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  const name = nodeId.slice(0, 8);
  return mounts.version === 1
    ? join(mounts[controller], 'raworc', name, v1)
    : join(mounts.root, existsSync(join(mounts.root, 'raworc', name)) ? `raworc/${name}` : `raworc.slice/raworc-${name}.slice`, v2);
}
const numberIn = (path: string) => Number(readFileSync(path, 'utf8'));

/** Runs a command like an agent in a session. Returns the exit code. */
const inside = (sessionId: string, command: string) =>
  new Promise<number>((done) => {
    execFile('docker', ['exec', containerName(sessionId), 'sh', '-c', command], (error) =>
      done(error === null ? 0 : typeof error.code === 'number' ? error.code : -1),
    );
  });

t.test('forks of many sessions stop at the total, and the host and its node agent continue', async (t) => {
  const TOTAL = 160;
  const { driver, conditions, session, nodeId } = await machine(t, { processes: TOTAL });
  t.same(conditions.all(), []);
  t.match(await driver.capacity(signal), { processes: TOTAL, most: { processes: TOTAL - 64 } });
  const sessions = [await session(), await session(), await session()];
  const now = groupFile(nodeId, 'pids', 'pids.current', 'pids.current');
  t.ok(numberIn(now) >= sessions.length, 'their processes are in it');
  // Each has a limit of 320 with its guest.
  const forks = (id: string) => inside(id, 'i=0; while [ $i -lt 110 ]; do sleep 1000 & i=$((i+1)); done');
  t.equal(await forks(sessions[0] ?? ''), 0, 'what one of them may have, it gets');
  const others = await Promise.all(sessions.slice(1).map(forks));
  t.notOk(others.includes(0), `no other gets as much (${others.join(', ')})`);
  t.ok(numberIn(now) <= TOTAL, `${numberIn(now)} processes of all sessions, ${TOTAL} allowed`);
  for (const id of sessions) {
    const pid = await docker('inspect', '--format', '{{.State.Pid}}', containerName(id));
    t.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`raworc.${nodeId.slice(0, 8)}`));
  }
  t.equal(execFileSync('echo', ['here'], { encoding: 'utf8' }), 'here\n', 'the host forks');
  t.equal((await driver.list(signal)).size, sessions.length, 'the engine answers');
  for (const id of sessions) t.match(await driver.observe(id, signal), { container: { state: 'running' } });
  for (const id of sessions) await driver.removeContainer(id, signal);
});

t.test('memory of many sessions is bounded by their group', async (t) => {
  const TOTAL = 224 * MIB;
  const { driver, session, nodeId } = await machine(t, { memoryBytes: TOTAL });
  const [one, other] = [await session(), await session()];
  const hog = 'dd if=/dev/zero of=/dev/null bs=140M count=40';
  const path = existsSync('/bin/busybox') ? '/bin/busybox ' : '';
  t.equal(await inside(one, `${path}${hog}`), 0, 'what one of them may have, it gets');
  const both = await Promise.all([inside(one, `${path}${hog}`), inside(other, `${path}${hog}`)]);
  t.ok(both.includes(137), `one of two such is killed (${both.join(', ')}), and neither is beyond its own limit`);
  const most = groupFile(nodeId, 'memory', 'memory.max_usage_in_bytes', 'memory.peak');
  t.ok(numberIn(most) <= TOTAL, `${Math.round(numberIn(most) / MIB)} MiB at most`);
  t.ok(totalmem() > TOTAL * 2, 'the host has more');
  for (const id of [one, other]) t.match(await driver.observe(id, signal), { container: { state: 'running' } });
});

t.test('a later node agent adopts the group and sets its own totals', async (t) => {
  const first = await machine(t, { processes: 300 });
  await first.session();
  const max = groupFile(first.nodeId, 'pids', 'pids.max', 'pids.max');
  t.equal(numberIn(max), 300);
  const second = await machine(t, { processes: 200 }, {}, first.nodeId);
  t.equal(numberIn(max), 200);
  t.match((await second.driver.list(signal)).size, 1);
  t.same(second.conditions.all(), []);
});

t.test('a container outside the group, or above the current maximum, is replaced before it starts again', async (t) => {
  const wide = await machine(t, {});
  const id = await wide.session();
  const narrow = await machine(t, {}, { most: { memoryBytes: 128 * MIB } }, wide.nodeId);
  t.match(await narrow.driver.observe(id, signal), { container: { state: 'running', outside: true } }, 'it runs on');
  t.notMatch(await wide.driver.observe(id, signal), { container: { outside: true } });
  const elsewhere = await machine(t, {});
  const options = ['--label', `raworc.cluster=${CLUSTER}`, '--label', `raworc.node=${elsewhere.nodeId}`, '--label', 'raworc.generation=1'];
  const older = randomUUID();
  await docker('create', '--name', containerName(older), ...options, '--label', `raworc.session=${older}`, IMAGE, 'sleep', '1000');
  t.match(await elsewhere.driver.observe(older, signal), { container: { state: 'created', outside: true } });
});

/** The control group of a node's sessions, on trees of files that only look like the kernel's. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Conditions } from '../../../../node-agent/conditions.ts';
import { cgroupMounts } from '../../../../node-agent/engine/cgroup/mounts.ts';
import { SessionsCgroup } from '../../../../node-agent/engine/cgroup/sessions-cgroup.ts';
import { totalsOf } from '../../../../node-agent/engine/cgroup/totals.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../../controller/core.ts';

const GIB = 1024 ** 3;
const totals = { cpuMillis: 1800, memoryBytes: 3 * GIB, processes: 5000 };

const v1 = (root: string) => `31 23 0:28 / ${root} rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / ${root}/cpu,cpuacct rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / ${root}/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / ${root}/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / ${root}/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / ${root}/unified rw,relatime - cgroup2 cgroup2 rw`;
const v2 = (root: string) => `24 30 0:22 / /proc rw - proc proc rw
35 24 0:30 / ${root} rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate`;

function host(t: Test, mountinfo: (root: string) => string, driver = 'cgroupfs') {
  const root = mkdtempSync(join(tmpdir(), 'raworc cgroup-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const conditions = new Conditions(systemClock, silent);
  const commands: string[] = [];
  const run = async (program: string, args: readonly string[]) => {
    commands.push([program, ...args].join(' '));
    return '';
  };
  const shown = mountinfo(root.replaceAll(' ', '\\040'));
  const units = join(root, 'units');
  const group = (more: Partial<typeof totals> = {}) =>
    new SessionsCgroup({ name: 'a1b2c3d4', totals: { ...totals, ...more }, driver, conditions, run, mountinfo: shown, units });
  return { root, conditions, commands, units, group, read: (path: string) => readFileSync(join(root, path), 'utf8') };
}

t.test('version 1: one group in each tree, with totals in it', async (t) => {
  const { root, group, read, conditions } = host(t, v1);
  for (const tree of ['cpu,cpuacct', 'memory', 'pids']) mkdirSync(join(root, tree));
  mkdirSync(join(root, 'memory/raworc/a1b2c3d4'), { recursive: true });
  writeFileSync(join(root, 'memory/raworc/memory.use_hierarchy'), '0\n');
  writeFileSync(join(root, 'memory/raworc/a1b2c3d4/memory.memsw.limit_in_bytes'), '9223372036854771712\n');
  const made = group();
  t.equal(made.parent, undefined, 'nothing is claimed before it is there');
  await made.ensure();
  t.equal(made.parent, '/raworc/a1b2c3d4');
  t.equal(read('memory/raworc/memory.use_hierarchy'), '1');
  t.equal(read('memory/raworc/a1b2c3d4/memory.limit_in_bytes'), String(3 * GIB));
  t.equal(read('memory/raworc/a1b2c3d4/memory.memsw.limit_in_bytes'), String(3 * GIB), 'no swap on top');
  t.equal(read('pids/raworc/a1b2c3d4/pids.max'), '5000');
  t.equal(read('cpu,cpuacct/raworc/a1b2c3d4/cpu.cfs_quota_us'), '180000');
  t.equal(read('cpu,cpuacct/raworc/a1b2c3d4/cpu.cfs_period_us'), '100000');
  t.same(conditions.all(), []);
});

t.test('version 2: controllers are delegated on the way down', async (t) => {
  const { root, group, read, conditions } = host(t, v2);
  writeFileSync(join(root, 'cgroup.subtree_control'), 'cpuset cpu io memory pids\n');
  const made = group();
  await made.ensure();
  t.equal(made.parent, '/raworc/a1b2c3d4');
  t.equal(read('cgroup.subtree_control'), 'cpuset cpu io memory pids\n', 'what is delegated already is left alone');
  t.equal(read('raworc/cgroup.subtree_control'), '+cpu +memory +pids');
  t.equal(read('raworc/a1b2c3d4/cgroup.subtree_control'), '+cpu +memory +pids');
  t.equal(read('raworc/a1b2c3d4/memory.max'), String(3 * GIB));
  t.equal(read('raworc/a1b2c3d4/pids.max'), '5000');
  t.equal(read('raworc/a1b2c3d4/cpu.max'), '180000 100000');
  t.same(conditions.all(), []);
});

t.test('a later start adopts it and sets other totals; one that was removed meanwhile is made again', async (t) => {
  const { root, group, read } = host(t, v2);
  await group().ensure();
  const later = group({ processes: 700 });
  await later.ensure();
  t.equal(read('raworc/a1b2c3d4/pids.max'), '700');
  rmSync(join(root, 'raworc'), { recursive: true });
  await later.ensure();
  t.equal(read('raworc/a1b2c3d4/pids.max'), '700');
});

t.test('where systemd has the control groups: a slice in a unit file, read again only where it changed', async (t) => {
  const { group, commands, read } = host(t, v2, 'systemd');
  const made = group();
  await made.ensure();
  await made.ensure();
  t.equal(made.parent, 'raworc-a1b2c3d4.slice');
  t.same(commands.splice(0), ['systemctl daemon-reload', 'systemctl start raworc-a1b2c3d4.slice']);
  const unit = read('units/raworc-a1b2c3d4.slice');
  for (const line of ['CPUQuota=180%', `MemoryMax=${3 * GIB}`, `MemoryLimit=${3 * GIB}`, 'MemorySwapMax=0', 'TasksMax=5000'])
    t.match(unit, new RegExp(`^${line}$`, 'm'));
  const again = group();
  await again.ensure();
  t.same(commands.splice(0), ['systemctl start raworc-a1b2c3d4.slice'], 'another start adopts it');
  const other = group({ processes: 700 });
  await other.ensure();
  t.match(read('units/raworc-a1b2c3d4.slice'), /^TasksMax=700$/m);
  t.same(commands, ['systemctl daemon-reload', 'systemctl start raworc-a1b2c3d4.slice']);
});

t.test('a node whose group cannot be made says so, until it can', async (t) => {
  const { root, group, conditions } = host(t, v1);
  mkdirSync(join(root, 'cpu,cpuacct'));
  mkdirSync(join(root, 'pids'));
  // A file where the tree of memory should be.
  writeFileSync(join(root, 'memory'), '');
  const made = group();
  await made.ensure();
  t.equal(made.parent, undefined);
  t.match(conditions.all(), [
    { type: 'SessionsUnbounded', message: /cannot create the cgroup of its sessions \(.*memory/, unschedulable: false },
  ]);
  rmSync(join(root, 'memory'));
  mkdirSync(join(root, 'memory'));
  await made.ensure();
  t.equal(made.parent, '/raworc/a1b2c3d4');
  t.same(conditions.all(), []);

  const foreign = host(t, v1, 'none');
  await foreign.group().ensure();
  t.match(foreign.conditions.all(), [{ type: 'SessionsUnbounded', message: /driver is none/ }]);
});

t.test('version 1: what the engine made in the trees of other controllers is removed too', async (t) => {
  const { root, group } = host(t, v1);
  for (const controller of ['cpu,cpuacct', 'memory', 'pids', 'systemd', 'unified']) mkdirSync(join(root, controller));
  const made = group();
  await made.ensure();
  // The kernel's files go with their directory, these do not.
  for (const controller of ['cpu,cpuacct', 'memory', 'pids']) rmSync(join(root, controller, 'raworc'), { recursive: true });
  for (const tree of ['systemd', 'unified']) mkdirSync(join(root, tree, 'raworc/a1b2c3d4'), { recursive: true });
  mkdirSync(join(root, 'memory/raworc/a1b2c3d4/container'), { recursive: true });
  await made.remove();
  for (const tree of ['systemd', 'unified']) t.equal(existsSync(join(root, tree, 'raworc')), false, tree);
  t.ok(existsSync(join(root, 'memory/raworc/a1b2c3d4/container')), 'never one that is in use');
});

t.test('a host without one of the controllers is refused by name', (t) => {
  const without = v1('/c')
    .split('\n')
    .filter((line) => !line.includes('/pids '));
  t.throws(() => cgroupMounts(without.join('\n')), /pids/);
  t.same(cgroupMounts(v2('/sys/fs/cgroup')), { version: 2, root: '/sys/fs/cgroup' });
  t.end();
});

t.test('totals are the host less a reserve, which the operator can set', (t) => {
  const of = { cpuMillis: 2000, memoryBytes: 20 * GIB, processes: 32_768 };
  t.same(totalsOf(of), { cpuMillis: 1800, memoryBytes: 18 * GIB, processes: 32_768 - 3277 });
  t.same(totalsOf(of, { cpuMillis: 500, memoryBytes: GIB, processes: 768 }), { cpuMillis: 1500, memoryBytes: 19 * GIB, processes: 32_000 });
  const tiny = totalsOf({ cpuMillis: 100, memoryBytes: 64 * 1024 ** 2, processes: 500 });
  t.same(tiny, { cpuMillis: 50, memoryBytes: 32 * 1024 ** 2, processes: 250 }, 'half of it at least');
  t.end();
});

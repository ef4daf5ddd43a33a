import t from 'tap';
import { examine, type Facts } from '../../../../node-agent/doctor/examine.ts';
import { hasProblem, report } from '../../../../node-agent/doctor/finding.ts';

const GIB = 2 ** 30;
const docker: Facts['docker'] & { readonly ok: true } = {
  ok: true,
  version: '24.0.1',
  cgroupDriver: 'systemd',
  runtime: 'runc',
  isRootless: false,
  warnings: ['WARNING: bridge-nf-call-iptables is disabled'],
  images: { directory: '/var/lib/docker', freeBytes: 50 * GIB },
};
const healthy: Facts = {
  uid: 0,
  hostname: 'rack-1',
  guest: { isBuilt: true, directory: '/g' },
  docker,
  cgroups: undefined,
  missing: [],
  pidMax: 4_194_304,
  data: { directory: '/var/lib/raworc', problem: undefined, freeBytes: 50 * GIB, lowBytes: 2 * GIB },
  nameServers: ['10.0.0.53'],
  identity: undefined,
  disks: { ok: true, kind: 'image', because: [] },
  takenPort: undefined,
  controller: { reaches: [{ address: 'c:9401', problem: undefined }], clockAheadMs: 1_000 },
};

interface Case {
  readonly name: string;
  readonly facts: Partial<Facts>;
  readonly check: string;
  readonly level: 'warning' | 'problem';
  readonly says: RegExp;
}

const cases: readonly Case[] = [
  { name: 'not root', facts: { uid: 1000 }, check: 'user', level: 'problem', says: /root.*sudo/s },
  {
    name: 'no guest',
    facts: { guest: { isBuilt: false, directory: '/g' } },
    check: 'guest',
    level: 'problem',
    says: /missing: \/g.*reinstall/s,
  },
  {
    name: 'no Docker',
    facts: { docker: { ok: false, why: 'Docker does not answer at /s' } },
    check: 'Docker',
    level: 'problem',
    says: /does not answer.*docker\.io/s,
  },
  {
    name: 'Docker without limits',
    facts: { docker: { ...docker, warnings: ['WARNING: No memory limit support'] } },
    check: 'Docker',
    level: 'warning',
    says: /No memory limit/,
  },
  {
    name: 'Docker without permission',
    facts: { docker: { ok: false, why: 'Docker does not answer at /s: connect EACCES /s' } },
    check: 'Docker',
    level: 'problem',
    says: /EACCES.*run this as root/s,
  },
  {
    name: 'rootless Docker',
    facts: { docker: { ...docker, isRootless: true } },
    check: 'Docker',
    level: 'problem',
    says: /is rootless.*--docker-socket/s,
  },
  {
    name: 'no room for images',
    facts: { docker: { ...docker, images: { directory: '/var/lib/docker', freeBytes: GIB } } },
    check: 'image space',
    level: 'problem',
    says: /only 1\.0 GiB free for images in \/var\/lib\/docker.*data-root/s,
  },
  {
    name: 'a data directory that cannot be created',
    facts: { data: { directory: '/d', problem: "EROFS: read-only file system, mkdir '/d'", freeBytes: 0, lowBytes: 2 * GIB } },
    check: 'disk space',
    level: 'problem',
    says: /read-only.*--data/s,
  },
  {
    name: 'no name servers that sessions can reach',
    facts: { nameServers: [] },
    check: 'name servers',
    level: 'warning',
    says: /loopback addresses.*RAWORC_SESSION_DNS/s,
  },
  {
    name: 'an expired certificate',
    facts: { identity: { name: 'rack-1', clusterId: 'c', expiresInMs: -1 } },
    check: 'identity',
    level: 'warning',
    says: /the node rack-1 of cluster c; its certificate has expired.*without a token/s,
  },
  {
    name: 'read-only cgroups',
    facts: { cgroups: '/sys/fs/cgroup is not writable' },
    check: 'cgroups',
    level: 'problem',
    says: /not writable/,
  },
  {
    name: 'missing programs',
    facts: { missing: ['nft', 'mke2fs', 'flock', 'mount'] },
    check: 'programs',
    level: 'problem',
    says: /apt-get install nftables e2fsprogs util-linux$/,
  },
  {
    name: 'little space',
    facts: { data: { directory: '/d', problem: undefined, freeBytes: 3 * GIB, lowBytes: 2 * GIB } },
    check: 'disk space',
    level: 'warning',
    says: /only 3\.0 GiB/,
  },
  {
    name: 'no space',
    facts: { data: { directory: '/d', problem: undefined, freeBytes: GIB, lowBytes: 2 * GIB } },
    check: 'disk space',
    level: 'problem',
    says: /only 1\.0 GiB.*--data/s,
  },
  {
    name: 'measured disks',
    facts: { disks: { ok: true, kind: 'measured', because: ['No loop devices.'] } },
    check: 'session disks',
    level: 'warning',
    says: /No loop devices/,
  },
  {
    name: 'no disks',
    facts: { disks: { ok: false, reason: 'Nothing works.' } },
    check: 'session disks',
    level: 'problem',
    says: /Nothing works/,
  },
  { name: 'few process ids', facts: { pidMax: 32_768 }, check: 'processes', level: 'warning', says: /about 92 sessions.*sysctl/s },
  { name: 'a host without a name', facts: { hostname: 'localhost.localdomain' }, check: 'name', level: 'warning', says: /--name/ },
  { name: 'a taken port', facts: { takenPort: 9100 }, check: 'metrics port', level: 'problem', says: /9100 is in use/ },
  {
    name: 'an unreachable controller',
    facts: { controller: { reaches: [{ address: 'c:9401', problem: 'connect ECONNREFUSED' }], clockAheadMs: undefined } },
    check: 'controller',
    level: 'problem',
    says: /c:9401: connect ECONNREFUSED.*firewalls/s,
  },
  {
    name: 'a controller of another cluster',
    facts: { controller: { reaches: [{ address: 'c:9401', problem: 'another server', isStranger: true }], clockAheadMs: undefined } },
    check: 'controller',
    level: 'problem',
    says: /c:9401: another server.*create a token/s,
  },
  {
    name: 'a controller on its loopback interface',
    facts: { controller: { reaches: [{ address: '127.0.0.1:9401', problem: 'connect ECONNREFUSED' }], clockAheadMs: undefined } },
    check: 'controller',
    level: 'problem',
    says: /node_host and advertise/,
  },
  {
    name: 'a clock that is ten minutes behind',
    facts: { controller: { reaches: [], clockAheadMs: 600_000 } },
    check: 'clock',
    level: 'warning',
    says: /600 s behind/,
  },
  {
    name: 'a clock that is two hours ahead',
    facts: { controller: { reaches: [], clockAheadMs: -7_200_000 } },
    check: 'clock',
    level: 'problem',
    says: /7200 s ahead of.*timesyncd/s,
  },
];

t.test('a healthy host has no warning', async (t) => {
  const findings = examine(healthy);
  t.same(
    findings.filter(({ level }) => level !== 'ok'),
    [],
  );
  t.notOk(hasProblem(findings));
  t.equal(report(findings).split('\n').length, findings.length);
});

for (const { name, facts, check, level, says } of cases) {
  t.test(`${name}: a ${level} with a remedy`, async (t) => {
    const findings = examine({ ...healthy, ...facts });
    const found = findings.filter((finding) => finding.level !== 'ok');
    t.match(found, [{ check, level, remedy: String }]);
    t.equal(found.length, 1);
    t.match(report(found), says);
    t.equal(hasProblem(findings), level === 'problem');
  });
}

import t from 'tap';
import { containerOptions } from '../../../../node-agent/engine/docker/container.ts';
import { WORKSTATION_CAPABILITIES, workstationOptions } from '../../../../node-agent/engine/docker/workstations/options.ts';

const MIB = 2 ** 20;
const limits = { cpuMillis: 2000, memoryBytes: 256 * MIB, diskBytes: MIB, processes: 100 };
const plan = {
  sessionId: 's',
  generation: 1,
  space: 'a',
  image: 'i',
  limits,
  uid: 20_001,
  socketDirectory: '/run/s',
  profile: 'workstation',
} as const;
const places = { guest: '/guest', disk: '/disks/s/fs/1', passwd: '/etc/passwd', isolation: 'container' } as const;
const root = {
  path: '/disks/s/root',
  image: 'shell:1',
  entries: [
    { name: 'bin', kind: 'link', target: 'usr/bin' },
    ...['dev', 'etc', 'proc', 'run', 'session', 'sys', 'usr'].map((name) => ({ name, kind: 'directory', mode: 0o755 }) as const),
  ],
} as const;

t.test('a workstation has its own root in place of the image, and no accounts of the host', async (t) => {
  const locked = containerOptions({ clusterId: 'c', nodeId: 'n' }, plan, places);
  const { HostConfig: host, ...options } = workstationOptions(locked, root, limits.memoryBytes);
  t.match(options, { Image: 'shell:1', User: '0', Labels: { 'raworc.profile': 'workstation', 'raworc.isolation': 'container' } });
  t.ok(options.Env?.includes('RAWORC_PROFILE=workstation'));
  const mounts = (host?.Mounts ?? []).map(({ Source, Target }) => `${Source} ${Target}`);
  t.same(mounts, ['/disks/s/root/etc /etc', '/disks/s/root/usr /usr', '/disks/s/fs/1 /session']);
  t.match(host, {
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    Privileged: false,
    PidsLimit: locked.HostConfig?.PidsLimit,
    Memory: limits.memoryBytes,
  });
  t.equal(host?.SecurityOpt, undefined, 'sudo works, and the filters of system calls stay');
  t.equal(host?.NetworkMode, locked.HostConfig?.NetworkMode);
});

t.test('root in a workstation cannot mount, trace, load modules, make devices or configure the network', async (t) => {
  const refused = [
    'SYS_ADMIN',
    'SYS_PTRACE',
    'SYS_MODULE',
    'SYS_RAWIO',
    'MKNOD',
    'NET_ADMIN',
    'NET_RAW',
    'SYS_RESOURCE',
    'SYS_BOOT',
    'DAC_READ_SEARCH',
  ];
  t.same(
    refused.filter((name) => WORKSTATION_CAPABILITIES.includes(name)),
    [],
  );
});

import type { ContainerCreateOptions, MountSettings } from 'dockerode';
import { OWN_PLACES } from './shell-image.ts';
import type { MountedRoot } from './workstations.ts';

/**
 * What root in a workstation needs for sudo, installers and servers: nothing about the kernel,
 * devices, mounts, tracing or the network's configuration.
 */
export const WORKSTATION_CAPABILITIES: readonly string[] = [
  ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETUID', 'SETGID', 'SETFCAP', 'KILL'],
  ...['NET_BIND_SERVICE', 'SYS_CHROOT', 'AUDIT_WRITE'],
];

/**
 * Docker's own first process would be mounted below the root that hides it. The shell passes signals
 * on, and reaps what the session leaves behind while it waits.
 */
const FIRST_PROCESS = `"$@" &
guest=$!
trap 'kill -TERM $guest' TERM INT
wait $guest
code=$?
while kill -0 $guest 2>/dev/null; do wait $guest; code=$?; done
exit $code`;

const RUN_BYTES = 64 * 1024 * 1024;
/** For browsers and databases. Counts as memory. */
const shmBytes = (memoryBytes: number) => Math.floor(memoryBytes / 4);

const bind = (path: string, target: string): MountSettings => ({
  ...{ Type: 'bind', Source: path, Target: target },
  BindOptions: { Propagation: 'rprivate' },
});

/** Returns the mounts of a session's own root: each directory of it in its place. */
const mountsOf = ({ path, entries }: MountedRoot): readonly MountSettings[] =>
  entries.flatMap(({ name, kind }) => (kind === 'directory' && !OWN_PLACES.has(name) ? [bind(`${path}/${name}`, `/${name}`)] : []));

/**
 * Turns the options of a locked session's container into those of a workstation: the session's own
 * root, and what root in it needs. Networks and limits stay.
 */
export function workstationOptions(locked: ContainerCreateOptions, root: MountedRoot, memoryBytes: number): ContainerCreateOptions {
  const { HostConfig = {}, Env = [], Labels = {}, Entrypoint = [], ...options } = locked;
  const { SecurityOpt: _, Mounts = [], ...host } = HostConfig;
  return {
    ...options,
    Image: root.image,
    Entrypoint: ['/bin/sh', '-c', FIRST_PROCESS, 'init', ...Entrypoint],
    Env: [...Env, 'RAWORC_PROFILE=workstation'],
    Labels: { ...Labels, 'raworc.profile': 'workstation' },
    HostConfig: {
      ...host,
      // Its own accounts are in its root.
      Mounts: [...mountsOf(root), ...Mounts.filter(({ Target }) => Target !== '/etc/passwd')],
      Tmpfs: { '/run': `rw,nosuid,nodev,size=${RUN_BYTES},mode=755` },
      Init: false,
      ShmSize: shmBytes(memoryBytes),
      CapAdd: [...WORKSTATION_CAPABILITIES],
    },
  };
}

import { commandLine, DAEMON, type Directives, RESTRICTED, unitText } from '../../systemd/unit.ts';

export const UNIT = 'raworc-node-agent.service';

/** It mounts disks, changes owners, writes firewall rules and enters network namespaces. */
const CAPABILITIES = [
  'CAP_SYS_ADMIN',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_CHOWN',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_SETUID',
  'CAP_SETGID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RESOURCE',
];

/**
 * No directive here gives the service a mount namespace: dockerd would not see the disks that the
 * node agent mounts. So no ProtectSystem=, PrivateTmp= or the like, and control groups stay
 * writable.
 */
const SERVICE: Directives = [
  ...DAEMON,
  ...RESTRICTED,
  ['UMask', '0022'],
  ['OOMScoreAdjust', '-900'],
  ['LimitNOFILE', '1048576'],
  ['TasksMax', 'infinity'],
  ['CapabilityBoundingSet', CAPABILITIES.join(' ')],
  ['RestrictNamespaces', 'net'],
  ['SystemCallFilter', '~@clock @cpu-emulation @debug @obsolete @raw-io @reboot @swap'],
];

/** Returns the unit of a node agent. `args` are the flags of `run`. */
export function nodeAgentUnit(node: string, program: string, args: readonly string[]): string {
  return unitText({
    unit: [
      ['Description', 'Raworc node agent'],
      // Not Requires=: a restart of Docker ends no node agent.
      ['Wants', 'network-online.target docker.service'],
      ['After', 'network-online.target docker.service'],
      ['StartLimitIntervalSec', '0'],
    ],
    service: [['ExecStart', commandLine([node, program, ...args])], ...SERVICE],
  });
}

import { assignment, commandLine, DAEMON, type Directives, RESTRICTED, unitText } from '../../systemd/unit.ts';
import { NODE_FLAGS, PROCESS_ENV } from './process-options.ts';

export const UNIT = 'raworc-controller.service';
/** Where the unit keeps the controller's data, unless the settings name a directory. */
const STATE = 'raworc-controller';
export const STATE_DIRECTORY = `/var/lib/${STATE}`;

export interface UnitInput {
  readonly node: string;
  readonly program: string;
  /** Flags of `serve`. */
  readonly args: readonly string[];
  readonly dataDirectory: string | undefined;
  /** Files that it reads and that can be below a home directory. */
  readonly reads?: readonly string[];
  /** Other directories in which it writes files. */
  readonly writes: readonly string[];
  /** Secrets in files, by the variable that names the file. Only systemd needs to read these. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** It needs no capability. It is root so that backup, restore and rotate can share its files. */
const SERVICE: Directives = [
  ...DAEMON,
  ...RESTRICTED,
  ['UMask', '0077'],
  ['LimitNOFILE', '65536'],
  ['CapabilityBoundingSet', ''],
  ['ProtectSystem', 'strict'],
  ['PrivateTmp', 'yes'],
  ['PrivateDevices', 'yes'],
  ['ProtectClock', 'yes'],
  ['ProtectControlGroups', 'yes'],
  ['ProtectHostname', 'yes'],
  ['ProtectKernelLogs', 'yes'],
  ['ProtectKernelModules', 'yes'],
  ['ProtectKernelTunables', 'yes'],
  ['ProtectProc', 'invisible'],
  ['RestrictNamespaces', 'yes'],
  ['SystemCallFilter', '@system-service'],
];

/** Returns the unit of a controller. */
export function controllerUnit({ node, program, args, dataDirectory, reads = [], writes, secrets }: UnitInput): string {
  const isAtHome = [node, program, ...reads, ...(dataDirectory === undefined ? [] : [dataDirectory])].some((path) =>
    /^\/(home|root)\//.test(path),
  );
  const credentials = Object.entries(secrets).flatMap(
    ([variable, file]): Directives => [
      ['LoadCredential', `${variable}:${file}`],
      ['Environment', `${variable}=%d/${variable}`],
    ],
  );
  const data: Directives =
    dataDirectory === undefined || dataDirectory === STATE_DIRECTORY
      ? [
          ['StateDirectory', STATE],
          ['StateDirectoryMode', '0700'],
          ['Environment', assignment('RAWORC_DATA_DIR', STATE_DIRECTORY)],
        ]
      : [['ReadWritePaths', dataDirectory]];
  return unitText({
    unit: [
      ['Description', 'Raworc controller'],
      ['Wants', 'network-online.target'],
      ['After', 'network-online.target nats-server.service'],
      ['StartLimitIntervalSec', '0'],
    ],
    service: [
      ['ExecStart', commandLine([node, ...NODE_FLAGS, program, ...args])],
      ['ExecReload', '/bin/kill -HUP $MAINPID'],
      ...Object.entries(PROCESS_ENV).map(([name, value]) => ['Environment', assignment(name, value)] as const),
      ...data,
      ...writes.map((path) => ['ReadWritePaths', path] as const),
      ...credentials,
      ['ProtectHome', isAtHome ? 'no' : 'yes'],
      ...SERVICE,
    ],
  });
}

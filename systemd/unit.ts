/** One section of a unit: directives in order. A directive can appear more than once. */
export type Directives = readonly (readonly [name: string, value: string])[];

export interface Unit {
  readonly unit: Directives;
  readonly service: Directives;
}

/** Returns the text of a service unit that starts with the system. */
export function unitText({ unit, service }: Unit): string {
  const section = (name: string, directives: Directives) =>
    [`[${name}]`, ...directives.map(([key, value]) => `${key}=${value}`)].join('\n');
  return `${[section('Unit', unit), section('Service', service), section('Install', [['WantedBy', 'multi-user.target']])].join('\n\n')}\n`;
}

/** Returns a command line in which systemd changes nothing: words are quoted, `%` and `$` escaped. */
export const commandLine = (words: readonly string[]): string => words.map(quoted).join(' ');

/** Returns an assignment for Environment=. */
export const assignment = (name: string, value: string): string => quoted(`${name}=${value}`);

function quoted(word: string): string {
  if (/[\n\r\0]/.test(word)) throw new Error(`a unit cannot contain ${JSON.stringify(word)}`);
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@+=:,./-]+$/.test(word) ? word : `"${escaped}"`;
}

/** What both daemons have in common. */
export const DAEMON: Directives = [
  ['Type', 'notify'],
  // The program systemd-notify sends the messages, because Node.js has no datagram sockets.
  ['NotifyAccess', 'all'],
  ['WatchdogSec', '30'],
  // A new version first backs up and changes the database.
  ['TimeoutStartSec', '600'],
  ['Restart', 'always'],
  ['RestartSec', '2'],
  // An invalid setting does not become valid by another start.
  ['RestartPreventExitStatus', '2'],
  // Children end with the daemon. Containers are not its children.
  ['KillMode', 'mixed'],
  ['TimeoutStopSec', '40'],
];

/** Restrictions that need no mount namespace. */
export const RESTRICTED: Directives = [
  ['NoNewPrivileges', 'yes'],
  ['LockPersonality', 'yes'],
  ['RestrictRealtime', 'yes'],
  ['RestrictSUIDSGID', 'yes'],
  ['RestrictAddressFamilies', 'AF_UNIX AF_INET AF_INET6 AF_NETLINK'],
  ['SystemCallArchitectures', 'native'],
  ['SystemCallErrorNumber', 'EPERM'],
];

import type { DiskChoice } from '../domain/disk-choice.ts';
import type { Finding } from './finding.ts';

/** How the host reaches one address of the controller. */
export interface Reach {
  readonly address: string;
  /** Why it cannot be reached; undefined if it can. */
  readonly problem: string | undefined;
  /** The server there is not the cluster's. */
  readonly isStranger?: boolean;
}

export interface Facts {
  readonly uid: number;
  readonly hostname: string;
  readonly guest: { readonly isBuilt: boolean; readonly directory: string };
  readonly docker:
    | {
        readonly ok: true;
        readonly version: string;
        readonly cgroupDriver: string;
        readonly runtime: string;
        readonly isRootless: boolean;
        readonly warnings: readonly string[];
        /** Where images are; undefined if this process cannot see it. */
        readonly images: { readonly directory: string; readonly freeBytes: number } | undefined;
      }
    | { readonly ok: false; readonly why: string };
  /** Why the node agent cannot create control groups; undefined if it can. */
  readonly cgroups: string | undefined;
  /** Programs that are missing. */
  readonly missing: readonly string[];
  readonly pidMax: number;
  readonly data: {
    readonly directory: string;
    /** Why it cannot be created; undefined if it is there. */
    readonly problem: string | undefined;
    readonly freeBytes: number;
    readonly lowBytes: number;
  };
  /** Name servers that sessions can reach. */
  readonly nameServers: readonly string[];
  /** The node that this host already is. */
  readonly identity: { readonly name: string; readonly clusterId: string; readonly expiresInMs: number } | undefined;
  /** Undefined: it could not be tried. */
  readonly disks: DiskChoice | undefined;
  /** Port of the metrics, if it is in use by another program. */
  readonly takenPort: number | undefined;
  readonly controller:
    | {
        readonly reaches: readonly Reach[];
        /** The controller's clock minus this host's. Undefined: it could not be read. */
        readonly clockAheadMs: number | undefined;
      }
    | undefined;
}

const GIB = 2 ** 30;
/** A certificate is valid from an hour before it is issued. */
const CLOCK_LIMIT_MS = 3_600_000;
const CLOCK_WARN_MS = 5 * 60_000;
const PID_MAX = 65_536;

const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;

/** Debian packages of the programs that the node agent runs. */
const PACKAGES: Readonly<Record<string, string>> = { nft: 'nftables', mke2fs: 'e2fsprogs', ip: 'iproute2' };
const packageOf = (program: string) => PACKAGES[program] ?? 'util-linux';

/** Judges a host. Pure: the same facts give the same findings. */
export function examine(facts: Facts): readonly Finding[] {
  return [
    root(facts),
    guest(facts),
    docker(facts),
    cgroups(facts),
    programs(facts),
    space(facts),
    images(facts),
    disks(facts),
    processes(facts),
    nameServers(facts),
    name(facts),
    identity(facts),
  ]
    .concat(port(facts), controller(facts))
    .filter((finding) => finding !== undefined);
}

function root({ uid }: Facts): Finding {
  if (uid === 0) return { check: 'user', level: 'ok', message: 'root' };
  return {
    check: 'user',
    level: 'problem',
    message: 'The node agent needs root: it creates containers, disks and firewall rules.',
    remedy: 'run it with sudo',
  };
}

function guest({ guest: { isBuilt, directory } }: Facts): Finding {
  if (isBuilt) return { check: 'guest', level: 'ok', message: 'complete' };
  const remedy = 'reinstall the package; in a clone, run `node scripts/build-guest.ts`';
  return { check: 'guest', level: 'problem', message: `The program that runs in sessions is missing: ${directory}`, remedy };
}

function docker({ docker: found }: Facts): Finding {
  const check = 'Docker';
  if (!found.ok) {
    const remedy = /EACCES/.test(found.why)
      ? 'run this as root'
      : 'install and start it (apt-get install docker.io), or set --docker-socket';
    return { check, level: 'problem', message: found.why, remedy };
  }
  const { version, cgroupDriver, runtime, isRootless, warnings } = found;
  if (isRootless) {
    const message = `${version} is rootless: it cannot give sessions disks, networks and limits.`;
    return { check, level: 'problem', message, remedy: 'install Docker for the whole host, or set --docker-socket to its socket' };
  }
  const limits = warnings.filter((warning) => /memory limit|pids? limit|cpu (cfs|shares)/i.test(warning));
  if (limits.length === 0) return { check, level: 'ok', message: `${version}, runtime ${runtime}, cgroup driver ${cgroupDriver}` };
  return { check, level: 'warning', message: `${version}: ${limits.join('; ')}`, remedy: 'enable these cgroup controllers in the kernel' };
}

function cgroups({ cgroups: problem }: Facts): Finding {
  if (problem === undefined) return { check: 'cgroups', level: 'ok', message: 'writable' };
  const remedy = 'run the node agent outside of containers, with /sys/fs/cgroup writable';
  return { check: 'cgroups', level: 'problem', message: problem, remedy };
}

function programs({ missing }: Facts): Finding {
  const check = 'programs';
  if (missing.length === 0) return { check, level: 'ok', message: 'all there' };
  const packages = [...new Set(missing.map(packageOf))].join(' ');
  return { check, level: 'problem', message: `missing: ${missing.join(', ')}`, remedy: `apt-get install ${packages}` };
}

function space({ data: { directory, problem, freeBytes, lowBytes } }: Facts): Finding {
  const check = 'disk space';
  if (problem !== undefined)
    return { check, level: 'problem', message: problem, remedy: 'set --data to a directory on a local disk, or run this as root' };
  const message = `${gib(freeBytes)} free for ${directory}`;
  if (freeBytes >= 2 * lowBytes) return { check, level: 'ok', message };
  const remedy = 'free space, or set --data to a directory on a larger disk';
  return { check, level: freeBytes < lowBytes ? 'problem' : 'warning', message: `only ${message}`, remedy };
}

function images({ docker: found, data: { lowBytes } }: Facts): Finding | undefined {
  if (!found.ok || found.images === undefined) return undefined;
  const check = 'image space';
  const { directory, freeBytes } = found.images;
  const message = `${gib(freeBytes)} free for images in ${directory}`;
  if (freeBytes >= 2 * lowBytes) return { check, level: 'ok', message };
  const remedy = 'remove images that nothing uses (docker image prune), or move "data-root" in /etc/docker/daemon.json to a larger disk';
  return { check, level: freeBytes < lowBytes ? 'problem' : 'warning', message: `only ${message}`, remedy };
}

function disks({ disks: choice }: Facts): Finding | undefined {
  const check = 'session disks';
  if (choice === undefined) return undefined;
  if (!choice.ok)
    return { check, level: 'problem', message: choice.reason, remedy: 'set --data to a directory on a local disk, with ext4 or XFS' };
  if (choice.kind !== 'measured') return { check, level: 'ok', message: `${choice.kind}: limits are enforced` };
  const message = `measured: a session can exceed its limit for some seconds. ${choice.because.join(' ')}`;
  return { check, level: 'warning', message, remedy: 'install e2fsprogs and make loop devices available' };
}

function processes({ pidMax }: Facts): Finding {
  const check = 'processes';
  if (pidMax >= PID_MAX) return { check, level: 'ok', message: `at most ${pidMax}` };
  const message = `kernel.pid_max is ${pidMax}, enough for about ${Math.floor((pidMax * 0.9) / 320)} sessions of the default size`;
  return { check, level: 'warning', message, remedy: 'sysctl kernel.pid_max=4194304' };
}

function nameServers({ nameServers: found }: Facts): Finding {
  const check = 'name servers';
  if (found.length > 0) return { check, level: 'ok', message: found.join(', ') };
  const message =
    "This host has none but its loopback addresses, which sessions cannot reach. Docker's own reveals names of other sessions.";
  return { check, level: 'warning', message, remedy: 'set RAWORC_SESSION_DNS to the addresses of name servers' };
}

function identity({ identity: found }: Facts): Finding | undefined {
  if (found === undefined) return undefined;
  const check = 'identity';
  const message = `the node ${found.name} of cluster ${found.clusterId}`;
  if (found.expiresInMs > 0) return { check, level: 'ok', message };
  const remedy = 'start the node agent: it gets a new certificate for its key, without a token';
  return { check, level: 'warning', message: `${message}; its certificate has expired`, remedy };
}

function name({ hostname }: Facts): Finding | undefined {
  if (!/^localhost\b/.test(hostname)) return undefined;
  return { check: 'name', level: 'warning', message: `This host is called ${hostname}, as others can be.`, remedy: 'set --name' };
}

function port({ takenPort }: Facts): Finding | undefined {
  if (takenPort === undefined) return undefined;
  return { check: 'metrics port', level: 'problem', message: `127.0.0.1:${takenPort} is in use.`, remedy: 'set another --metrics-port' };
}

function controller({ controller: found }: Facts): readonly (Finding | undefined)[] {
  if (found === undefined) return [];
  return [...found.reaches.map(reach), clock(found.clockAheadMs)];
}

function reach({ address, problem, isStranger }: Reach): Finding {
  const check = 'controller';
  if (problem === undefined) return { check, level: 'ok', message: `${address} answers` };
  if (isStranger === true) {
    const remedy = 'create a token with `raworc node token` on the controller that this host is to join, and use that one';
    return { check, level: 'problem', message: `${address}: ${problem}`, remedy };
  }
  const isLoopback = /^(127\.|localhost:|\[::1\])/.test(address);
  const remedy = isLoopback
    ? 'set node_host and advertise in the settings of the controller, restart it, and create a new token: this one names its loopback interface'
    : 'check the address, the route and firewalls, and that the controller listens there (its setting node_host)';
  return { check, level: 'problem', message: `${address}: ${problem}`, remedy };
}

function clock(aheadMs: number | undefined): Finding | undefined {
  if (aheadMs === undefined) return undefined;
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const message = `${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the controller's`;
  if (Math.abs(aheadMs) < CLOCK_WARN_MS) return { check: 'clock', level: 'ok', message };
  const remedy = 'synchronise both clocks: apt-get install systemd-timesyncd';
  return { check: 'clock', level: Math.abs(aheadMs) > CLOCK_LIMIT_MS ? 'problem' : 'warning', message, remedy };
}

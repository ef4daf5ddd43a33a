import { diskLowBytes } from './disk-low.ts';
import { DISK_KINDS, type DiskSetting, isDiskSetting } from './domain/disk-choice.ts';
import { type Egress, isCidr, parseEgress } from './domain/firewall-rules.ts';
import { roomOf } from './domain/network-room.ts';
import { type BuildSettings, readBuildSettings } from './images/build-settings.ts';
import { readSessionSettings } from './session/session-settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How the host connects sessions and keeps their disks. */
export interface HostSettings {
  /** Private ranges that sessions can reach. */
  readonly allowed: readonly string[];
  /** Private addresses and ports that builds and sessions can reach. */
  readonly egress: readonly Egress[];
  /** The sessions' network. Undefined: Docker chooses it. */
  readonly subnet: string | undefined;
  readonly diskKind: DiskSetting;
  readonly builds: BuildSettings;
}

/**
 * Reads RAWORC_ALLOW_CIDRS, RAWORC_ALLOW_EGRESS, RAWORC_SESSION_SUBNET, RAWORC_DISK_KIND and the settings of builds.
 * @throws on an invalid value.
 */
export function readHostSettings(env: Environment): HostSettings {
  const allowed = (env.RAWORC_ALLOW_CIDRS ?? '')
    .split(',')
    .map((range) => range.trim())
    .filter((range) => range !== '');
  const wrong = allowed.find((range) => !isCidr(range));
  if (wrong !== undefined) throw new Error(`RAWORC_ALLOW_CIDRS must be a list of IPv4 ranges such as 10.1.0.0/16, but contains "${wrong}"`);
  const subnet = env.RAWORC_SESSION_SUBNET || undefined;
  if (subnet !== undefined && (!isCidr(subnet) || roomOf([subnet]) === 0))
    throw new Error(`RAWORC_SESSION_SUBNET must be an IPv4 range with room for sessions, such as 10.77.0.0/20, not "${subnet}"`);
  const diskKind = env.RAWORC_DISK_KIND || 'auto';
  if (!isDiskSetting(diskKind)) throw new Error(`RAWORC_DISK_KIND must be one of auto, ${DISK_KINDS.join(', ')}, not "${diskKind}"`);
  return { allowed, egress: readEgress(env), subnet, diskKind, builds: readBuildSettings(env) };
}

function readEgress(env: Environment): readonly Egress[] {
  const listed = (env.RAWORC_ALLOW_EGRESS ?? '').split(',').map((one) => one.trim());
  return listed.filter(Boolean).map((text) => {
    const egress = parseEgress(text);
    if (egress !== undefined) return egress;
    throw new Error(
      `RAWORC_ALLOW_EGRESS must be a list of IPv4 addresses with ports such as 10.0.0.5:8080 or 10.1.0.0/16:443, but contains "${text}"`,
    );
  });
}

/** Throws an error that names the first invalid variable. */
export function checkVariables(env: Environment): void {
  readHostSettings(env);
  readSessionSettings(env);
  diskLowBytes(env);
}

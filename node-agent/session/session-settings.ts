import { isCidr } from '../domain/firewall-rules.ts';
import { DEFAULT_FLOWS, type FlowBounds } from '../domain/flow-bounds.ts';
import { DEFAULT_UIDS, parseUidRange, type UidRange } from '../domain/uid-range.ts';

/** An operator's settings for the sessions of this node. */
export interface SessionSettings {
  readonly uids: UidRange;
  readonly flows: FlowBounds;
  /** Limit of open files for one process. */
  readonly openFiles: number;
  /** Name servers. Empty uses the host's. */
  readonly dns: readonly string[];
  /** Docker's name of the runtime of sessions. Undefined: Docker's default. */
  readonly runtime: string | undefined;
}

/** Agents rarely need more, and an engine without CAP_SYS_RESOURCE cannot raise its own limit. */
export const DEFAULT_OPEN_FILES = 16_384;

/**
 * Reads RAWORC_SESSION_UIDS, RAWORC_SESSION_CONNECTIONS, RAWORC_SESSION_NEW_FLOWS_PER_S,
 * RAWORC_SESSION_EGRESS_BYTES_PER_S (0: no bound), RAWORC_SESSION_OPEN_FILES, RAWORC_SESSION_DNS
 * (addresses, separated by commas), RAWORC_SESSION_RUNTIME. Throws an error that names the invalid variable.
 */
export function readSessionSettings(environment: Readonly<Record<string, string | undefined>>): SessionSettings {
  const whole = (name: string, otherwise: number, least: number) => {
    const text = environment[name] ?? '';
    if (text === '') return otherwise;
    if (!/^\d{1,12}$/.test(text) || Number(text) < least) throw new Error(`${name} must be an integer of at least ${least}, not "${text}"`);
    return Number(text);
  };
  const range = environment.RAWORC_SESSION_UIDS ?? '';
  const uids = range === '' ? DEFAULT_UIDS : parseUidRange(range);
  if (uids === undefined)
    throw new Error(`RAWORC_SESSION_UIDS must be a range of unused user ids, such as 2010000000-2139999999, not "${range}"`);
  const dns = (environment.RAWORC_SESSION_DNS ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  const wrong = dns.find((address) => !isCidr(address) || address.includes('/') || address.startsWith('127.'));
  if (wrong !== undefined)
    throw new Error(`RAWORC_SESSION_DNS must be a list of IPv4 addresses that sessions can reach, but contains "${wrong}"`);
  return {
    uids,
    flows: {
      connections: whole('RAWORC_SESSION_CONNECTIONS', DEFAULT_FLOWS.connections, 1),
      newPerS: whole('RAWORC_SESSION_NEW_FLOWS_PER_S', DEFAULT_FLOWS.newPerS, 1),
      egressBytesPerS: whole('RAWORC_SESSION_EGRESS_BYTES_PER_S', DEFAULT_FLOWS.egressBytesPerS, 0),
    },
    openFiles: whole('RAWORC_SESSION_OPEN_FILES', DEFAULT_OPEN_FILES, 64),
    dns,
    runtime: environment.RAWORC_SESSION_RUNTIME || undefined,
  };
}

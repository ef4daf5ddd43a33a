import { resolve } from 'node:path';
import type { NatsAccess } from '../bus/nats-access.ts';
import { PROFILES, type Profile } from '../contract/profiles.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import type { SizeRules } from '../domain/sessions/session-sizes.ts';
import { NODE_CERTIFICATE_LIFE_MS } from '../grpc/certificates.ts';
import { FORWARDED_HEADERS, NO_PROXIES, type ProxyTrust, proxyList } from '../http/server/client-address.ts';
import { type BudgetLimits, parseLimits } from '../services/budget/limits.ts';
import type { NodesToStop } from '../services/fleet/fleet.ts';
import { IMAGE_GRACE_MS } from '../services/images/image-collection.ts';
import { LEASE, type LeaseTimes, LOST_AFTER_MS } from '../services/nodes/lease.ts';
import { PreviewOrigins } from '../services/ports/preview-origins.ts';
import { type AuditSettings, readAuditSettings } from './audit-settings.ts';
import { type E2bSettings, readE2bSettings } from './e2b-settings.ts';
import { type HttpSettings, readHttpSettings } from './http-settings.ts';
import { readNatsSettings } from './nats-settings.ts';
import { advertised, type NodeBoundSettings, readNodeBounds } from './node-settings.ts';
import { type RegistrySettings, readRegistrySettings } from './registry-settings.ts';
import { readSizeRules } from './size-settings.ts';
import { bytes, type Environment, isOn, list, port, seconds, secret, secretFile, text } from './values.ts';

export interface Settings {
  readonly dataDirectory: string;
  readonly http: HttpSettings;
  /** Undefined: no listener for the SDKs of E2B. */
  readonly e2b: E2bSettings | undefined;
  /** `advertise`: the hosts in join tokens. */
  readonly nodes: {
    readonly host: string;
    readonly port: number;
    readonly joinPort: number;
    readonly advertise: readonly string[];
    /** Lifetime of nodes' certificates. Default: one month. */
    readonly certificateLifeMs: number;
    readonly bounds: NodeBoundSettings;
  };
  /** Undefined uses a bus inside the controller's process. */
  readonly nats: NatsAccess | undefined;
  /** The image of sessions in a space without a build. */
  readonly baseImage: string;
  /** The registry through which images travel between nodes. */
  readonly registry: RegistrySettings;
  /** How long an image stays after its last use. */
  readonly imageGraceMs: number;
  /** Password of the account `admin`. Default: generated into a file. */
  readonly adminPassword: string | undefined;
  /** Profiles that the space `default` allows from the first start on. */
  readonly defaultProfiles?: readonly Profile[] | undefined;
  /**
   * How long audit records are retained, and where they are exported. Default: built-in bounds, no
   * export.
   */
  readonly audit: AuditSettings;
  readonly corsOrigins: readonly string[];
  /** The domain of the origins of ports, perhaps with scheme and port. Undefined: ports have none. */
  readonly previewDomain: string | undefined;
  /** Limits of callers and addresses. */
  readonly budgets: BudgetLimits;
  /** Whether events leave out the commands that run in sessions. */
  readonly hidesCommands?: boolean | undefined;
  /** The proxies in front of the controller. */
  readonly proxies: ProxyTrust;
  /** The nodes whose agents stop when the controller stops. */
  readonly shutDownNodes: NodesToStop;
  readonly lease: LeaseTimes;
  /** Bounds on the size of sessions. */
  readonly sizes: SizeRules;
  /**
   * With less free disk, the controller accepts no new data. Default: 256 MiB, or 2 % of a smaller
   * disk.
   */
  readonly diskLowBytes: number | undefined;
  /** Gives access to /metrics only. */
  readonly metricsToken: string | undefined;
}

/**
 * Reads the controller's settings from its environment. A secret can be in a file: NAME_FILE
 * instead of NAME.
 */
export function readSettings(env: Environment): Outcome<Settings> {
  try {
    const nodeHost = text(env, 'RAWORC_NODE_HOST') ?? '127.0.0.1';
    return accepted({
      dataDirectory: resolve(text(env, 'RAWORC_DATA_DIR') ?? './data'),
      http: readHttpSettings(env),
      e2b: readE2bSettings(env),
      nodes: {
        host: nodeHost,
        port: port(env, 'RAWORC_NODE_PORT', 9400),
        joinPort: port(env, 'RAWORC_JOIN_PORT', 9401),
        advertise: advertised(env, nodeHost),
        certificateLifeMs: seconds(env, 'RAWORC_NODE_CERT_LIFE_S', NODE_CERTIFICATE_LIFE_MS / 1000) * 1000,
        bounds: readNodeBounds(env),
      },
      nats: readNatsSettings(env),
      baseImage: text(env, 'RAWORC_BASE_IMAGE_TAG') ?? 'raworc/session:base',
      registry: readRegistrySettings(env),
      imageGraceMs: seconds(env, 'RAWORC_IMAGE_GRACE_S', IMAGE_GRACE_MS / 1000) * 1000,
      defaultProfiles: defaultProfiles(env),
      adminPassword: secret(env, 'RAWORC_ADMIN_PASSWORD'),
      audit: readAuditSettings(env),
      corsOrigins: origins(env),
      previewDomain: previewDomain(env),
      budgets: budgets(env),
      hidesCommands: isOn(env, 'RAWORC_HIDE_COMMANDS'),
      proxies: proxies(env),
      shutDownNodes: nodesToStop(env),
      metricsToken: metricsToken(env),
      sizes: readSizeRules(env),
      diskLowBytes: bytes(env, 'RAWORC_DISK_LOW_BYTES'),
      lease: { ...LEASE, lostAfterMs: seconds(env, 'RAWORC_NODE_LOST_AFTER_S', LOST_AFTER_MS / 1000) * 1000 },
    });
  } catch (error) {
    return refused('BAD_REQUEST', error instanceof Error ? error.message : String(error));
  }
}

function origins(env: Environment): readonly string[] {
  const found = list(env, 'RAWORC_CORS_ORIGINS') ?? [];
  const wrong = found.find((origin) => origin !== '*' && !/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/.test(origin));
  if (wrong !== undefined)
    throw new Error(`RAWORC_CORS_ORIGINS must be a list of origins such as https://app.example.com, but contains "${wrong}"`);
  return found;
}

function defaultProfiles(env: Environment): readonly Profile[] | undefined {
  const named = list(env, 'RAWORC_DEFAULT_PROFILES');
  const found = named?.map((name) => PROFILES.find((one) => one === name));
  if (found?.includes(undefined) === true || found?.length === 0)
    throw new Error(`RAWORC_DEFAULT_PROFILES must be a list of ${PROFILES.join(', ')}, not "${named?.join(', ')}"`);
  return found?.filter((one) => one !== undefined);
}

function previewDomain(env: Environment): string | undefined {
  const domain = text(env, 'RAWORC_PREVIEW_DOMAIN');
  if (domain === undefined) return undefined;
  try {
    new PreviewOrigins(domain, { scheme: 'http', port: () => 80 });
    return domain;
  } catch (error) {
    throw new Error(`RAWORC_PREVIEW_DOMAIN: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function nodesToStop(env: Environment): NodesToStop {
  const value = text(env, 'RAWORC_SHUTDOWN_NODES') ?? '0';
  if (value === '1' || value === 'true') return 'all';
  return value === '0' || value === 'false' ? [] : (list(env, 'RAWORC_SHUTDOWN_NODES') ?? []);
}

function budgets(env: Environment): BudgetLimits {
  try {
    return parseLimits(text(env, 'RAWORC_BUDGETS') ?? '');
  } catch (error) {
    throw new Error(`RAWORC_BUDGETS: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function proxies(env: Environment): ProxyTrust {
  const trusted = list(env, 'RAWORC_TRUSTED_PROXIES') ?? [];
  try {
    proxyList(trusted);
  } catch (error) {
    throw new Error(`RAWORC_TRUSTED_PROXIES: ${error instanceof Error ? error.message : String(error)}`);
  }
  const named = text(env, 'RAWORC_FORWARDED_HEADER')?.toLowerCase() ?? NO_PROXIES.header;
  const header = FORWARDED_HEADERS.find((known) => known === named);
  if (header === undefined) throw new Error(`RAWORC_FORWARDED_HEADER must be one of ${FORWARDED_HEADERS.join(', ')}, not "${named}"`);
  return { proxies: trusted, header };
}

/** Only from a file: other users of the machine can see a process's environment. */
function metricsToken(env: Environment): string | undefined {
  const token = secretFile(env, 'RAWORC_METRICS_TOKEN_FILE');
  if (token !== undefined && token.length < 16)
    throw new Error(`RAWORC_METRICS_TOKEN_FILE (${env.RAWORC_METRICS_TOKEN_FILE}) must contain a token of at least 16 characters`);
  return token;
}

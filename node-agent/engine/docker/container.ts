import type { ContainerCreateOptions, MountSettings } from 'dockerode';
import { z } from 'zod';
import { RESERVED_PROCESSES } from '../../../proto/reserved-processes.ts';
import type { ContainerSeen, Isolation } from '../../domain/session.ts';
import { DEFAULT_OPEN_FILES } from '../../session/session-settings.ts';
import type { SessionPlan } from '../session-plan.ts';
import { MODEL_CERTIFICATES, type ModelCalls, modelCallVariables } from './model-calls.ts';

export const NETWORK = 'raworc_network';

/** Identifies the owner. Every container, volume and image of this node agent has these labels. */
export interface Owner {
  readonly clusterId: string;
  readonly nodeId: string;
}

export const containerName = (sessionId: string) => `raworc_session_${sessionId}`;
const VOLUME = 'raworc_session_data_';
export const volumeName = (sessionId: string) => `${VOLUME}${sessionId}`;
/** Undefined for a name that does not belong to a session. */
export const sessionOfVolume = (name: string) => (name.startsWith(VOLUME) ? name.slice(VOLUME.length) : undefined);

export const copyName = (sessionId: string) => `raworc_copy_${sessionId}`;

/**
 * Returns the session into whose volume this node's container with these labels copies; undefined
 * for anything else.
 */
export function sessionOfCopy(owner: Owner, found: Readonly<Record<string, string>> | null | undefined): string | undefined {
  const isOwn = found?.['raworc.cluster'] === owner.clusterId && found['raworc.node'] === owner.nodeId;
  return isOwn ? found['raworc.copy'] : undefined;
}

export const isCopyOf = (owner: Owner, found: Readonly<Record<string, string>> | null | undefined, sessionId: string) =>
  sessionOfCopy(owner, found) === sessionId;

export function labelsOf(owner: Owner, plan: SessionPlan): Record<string, string> {
  return {
    'raworc.managed': 'true',
    'raworc.cluster': owner.clusterId,
    'raworc.node': owner.nodeId,
    'raworc.session': plan.sessionId,
    'raworc.space': plan.space,
    'raworc.generation': String(plan.generation),
    'raworc.uid': String(plan.uid),
  };
}

export const ownerFilter = (owner: Owner) => [`raworc.cluster=${owner.clusterId}`, `raworc.node=${owner.nodeId}`];

const labels = z.object({
  'raworc.session': z.string(),
  'raworc.generation': z.coerce.number().int().nonnegative(),
  'raworc.space': z.string().catch(''),
});

/**
 * Returns session, generation and space of what has the owner's labels; undefined for anything
 * else.
 */
export function ownedBy(owner: Owner, found: Readonly<Record<string, string>> | null | undefined) {
  if (found?.['raworc.cluster'] !== owner.clusterId || found['raworc.node'] !== owner.nodeId) return undefined;
  const parsed = labels.safeParse(found);
  if (!parsed.success) return undefined;
  const { 'raworc.session': sessionId, 'raworc.generation': generation, 'raworc.space': space } = parsed.data;
  return { sessionId, generation, space };
}

export function stateOf(status: string): ContainerSeen['state'] {
  return status === 'running' || status === 'paused' || status === 'created' ? status : 'exited';
}

/** Files in a session's /tmp count as its memory. They can take up a quarter of it. */
const tmpBytes = (memoryBytes: number) => Math.floor(memoryBytes / 4);

export const RESOLV_CONF = '/etc/resolv.conf';

/**
 * The kernel's defaults or less: an engine cannot always give more. Message queues and locked
 * memory count per user.
 */
const ulimits = (openFiles: number) =>
  Object.entries({ nofile: openFiles, core: 0, memlock: 8 * 1024 * 1024, msgqueue: 819_200 }).map(([Name, most]) => ({
    Name,
    Soft: most,
    Hard: most,
  }));

const RUN_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Mounts a disk's directory. The engine refuses a missing one, as of an unmounted file system, and
 * never creates it.
 */
export function diskMount(path: string, target: string, readOnly = false): MountSettings {
  return { Type: 'bind', Source: path, Target: target, ReadOnly: readOnly, BindOptions: { Propagation: 'rprivate' } };
}

/** On the host. */
export interface ContainerPlaces {
  /** The guest's files and the Node.js binary that runs them. */
  readonly guest: string;
  /** What the session sees as /session. */
  readonly disk: string;
  /** A file with the accounts that the session sees. */
  readonly passwd: string;
  /** The control group of everything that this node runs. */
  readonly cgroup?: string | undefined;
  /** A file with the session's name servers. Undefined uses Docker's. */
  readonly resolvConf?: string | undefined;
  /** Docker's name of the runtime. Undefined: its default. */
  readonly runtime?: string | undefined;
  /** What keeps the session's processes from the host. */
  readonly isolation?: Isolation | undefined;
  /** How the guest reaches models. Undefined: as the image does. */
  readonly models?: ModelCalls | undefined;
}

/**
 * Returns the options of a session's container. Its uid 0 has only the capabilities to start agents
 * as another user and to kill them; no process can gain privileges; the root is read-only. The disk
 * exists already, and the image's /session is not copied into it.
 */
export function containerOptions(
  owner: Owner,
  plan: SessionPlan,
  places: ContainerPlaces,
  openFiles = DEFAULT_OPEN_FILES,
): ContainerCreateOptions {
  const { sessionId, limits } = plan;
  const resolver = places.resolvConf === undefined ? [] : [diskMount(places.resolvConf, RESOLV_CONF, true)];
  const trusted = places.models?.certificates;
  const certificates = trusted === undefined ? [] : [diskMount(trusted, MODEL_CERTIFICATES, true)];
  return {
    name: containerName(sessionId),
    Image: plan.image,
    Hostname: `session-${sessionId.slice(0, 8)}`,
    User: '0',
    WorkingDir: '/',
    Entrypoint: ['/opt/raworc/guest/node', '/opt/raworc/guest/guest.mjs'],
    Cmd: [],
    Env: [
      ...[`RAWORC_SESSION_ID=${sessionId}`, 'RAWORC_SOCKET=/run/raworc/guest.sock', `PATH=${RUN_PATH}`],
      `RAWORC_PROCESSES=${limits.processes}`,
      `RAWORC_AGENT_UID=${plan.uid}`,
      ...(places.models === undefined ? [] : modelCallVariables(places.models)),
    ],
    Labels: { ...labelsOf(owner, plan), ...(places.isolation === undefined ? {} : { 'raworc.isolation': places.isolation }) },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...(places.cgroup === undefined ? {} : { CgroupParent: places.cgroup }),
      Mounts: [diskMount(places.disk, '/session'), diskMount(places.passwd, '/etc/passwd', true), ...resolver, ...certificates],
      Binds: [`${places.guest}:/opt/raworc/guest:ro`, `${plan.socketDirectory}:/run/raworc:ro`],
      ...(places.runtime === undefined ? {} : { Runtime: places.runtime }),
      NetworkMode: NETWORK,
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': `rw,nosuid,nodev,exec,size=${tmpBytes(limits.memoryBytes)},mode=1777` },
      CapDrop: ['ALL'],
      CapAdd: ['SETUID', 'SETGID', 'KILL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Init: true,
      Ulimits: ulimits(openFiles),
      // The guest enforces the agents' limit, and can start another worker even when they have
      // reached it.
      PidsLimit: limits.processes + RESERVED_PROCESSES,
      Memory: limits.memoryBytes,
      MemorySwap: limits.memoryBytes,
      NanoCpus: limits.cpuMillis * 1_000_000,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      // The node agent decides about restarts.
      RestartPolicy: { Name: 'no' },
    },
  };
}

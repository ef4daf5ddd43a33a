import type { ContainerCreateOptions } from 'dockerode';
import { NPM } from '../../../domain/install-script.ts';
import type { BuildSettings } from '../../../images/build-settings.ts';
import type { JobPlan } from '../../build-engine.ts';
import { diskMount, NETWORK, type Owner, RESOLV_CONF } from '../container.ts';

/** The user of agents in session images. */
export const JOB_UID = 10_001;

/** The operator's certificates in the container. */
const CERTIFICATES = '/run/raworc-certificates.pem';

const MIB = 2 ** 20;
export interface JobLimits {
  readonly memoryBytes: number;
  readonly cpuMillis: number;
  readonly processes: number;
  readonly diskBytes: number;
  /** Of each of /tmp and /session, which count as memory. */
  readonly temporaryBytes: number;
}

export const JOB_LIMITS: JobLimits = {
  memoryBytes: 1024 * MIB,
  cpuMillis: 1000,
  processes: 512,
  diskBytes: 2048 * MIB,
  temporaryBytes: 64 * MIB,
};

export interface JobPlaces {
  readonly limits: JobLimits;
  /** The guest's files and its Node.js. */
  readonly guest: string;
  readonly npm: string;
  /** What the job sees as its directory. */
  readonly disk?: string | undefined;
  readonly resolvConf?: string | undefined;
  readonly cgroup?: string | undefined;
  readonly settings: BuildSettings;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/raworc/guest';

/**
 * Returns the options of a job's container: a session's, but without any capability. Nothing runs
 * in it before its standard input ends a first read.
 */
export function jobOptions(owner: Owner, plan: JobPlan, places: JobPlaces): ContainerCreateOptions {
  const { buildId, space, image, command, environment, directory } = plan;
  const { memoryBytes, cpuMillis, processes, temporaryBytes } = places.limits;
  const { certificates, environment: ofOperator } = places.settings;
  const trust = certificates === undefined ? {} : { RAWORC_CERTIFICATES: CERTIFICATES };
  const variables = { ...ofOperator, ...trust, ...environment };
  const temporary = `rw,nosuid,nodev,exec,size=${temporaryBytes},mode=1777`;
  const disk = places.disk === undefined || directory === undefined ? [] : [diskMount(places.disk, directory)];
  return {
    Image: image,
    Hostname: 'build',
    User: `${JOB_UID}:${JOB_UID}`,
    WorkingDir: directory ?? '/tmp',
    Entrypoint: [...command],
    Cmd: [],
    Env: [`PATH=${PATH}`, 'LANG=C.UTF-8', ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Labels: {
      'raworc.managed': 'true',
      'raworc.cluster': owner.clusterId,
      'raworc.node': owner.nodeId,
      'raworc.job': buildId,
      'raworc.space': space,
    },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...(places.cgroup === undefined ? {} : { CgroupParent: places.cgroup }),
      Mounts: [
        ...disk,
        diskMount(places.guest, '/opt/raworc/guest', true),
        diskMount(places.npm, NPM, true),
        ...(certificates === undefined ? [] : [diskMount(certificates, CERTIFICATES, true)]),
        ...(places.resolvConf === undefined ? [] : [diskMount(places.resolvConf, RESOLV_CONF, true)]),
      ],
      NetworkMode: NETWORK,
      // Blocked addresses are silent: a connection to one fails after 15 s instead of 127.
      Sysctls: { 'net.ipv4.tcp_syn_retries': '3' },
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': temporary, '/session': `${temporary},uid=${JOB_UID},gid=${JOB_UID}` },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Init: true,
      PidsLimit: processes,
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      NanoCpus: cpuMillis * 1_000_000,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  };
}

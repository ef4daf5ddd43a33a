import type { ContainerCreateOptions } from 'dockerode';
import { NPM, TRUSTING } from '../../../domain/install-script.ts';
import type { BuildSettings } from '../../../images/build-settings.ts';
import type { JobPlan } from '../../build-engine.ts';
import { diskMount, NETWORK, type Owner, RESOLV_CONF } from '../container.ts';

/** The user of agents in session images. */
export const JOB_UID = 10_001;

/** The operator's certificates in the container. */
const CERTIFICATES = '/run/raworc-certificates.pem';
const KNOWN_HOSTS = '/run/raworc-known-hosts';

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

/** A quarter of a session's: while CPU is short, sessions come first. */
const CPU_SHARES = 256;

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
  const { certificates, knownHosts, environment: ofOperator } = places.settings;
  const trust = {
    ...(certificates === undefined ? {} : { RAWORC_CERTIFICATES: CERTIFICATES }),
    ...(knownHosts === undefined ? {} : { RAWORC_KNOWN_HOSTS: KNOWN_HOSTS }),
  };
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
        ...(knownHosts === undefined ? [] : [diskMount(knownHosts, KNOWN_HOSTS, true)]),
        ...(places.resolvConf === undefined ? [] : [diskMount(places.resolvConf, RESOLV_CONF, true)]),
      ],
      NetworkMode: NETWORK,
      // Blocked addresses are silent: a connection to one fails after 7 s instead of 127.
      Sysctls: { 'net.ipv4.tcp_syn_retries': '2' },
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
      CpuShares: CPU_SHARES,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  };
}

/** What installers of packages need as root, and nothing else of what Docker gives by default. */
const STEP_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETUID', 'SETGID', 'KILL'];
/** Sets the variables of its input. They and their values are in no image. */
const STEP = 'eval "$(cat)"; exec "$@" </dev/null 1>&2';

/** Begins the names of containers of steps, whose labels their images would inherit. */
export const STEP_NAME = 'raworc_step_';

/** Returns the input of a step: the operator's variables, as shell commands. */
export function stepInput({ certificates, environment }: BuildSettings): string {
  const trust = certificates === undefined ? [] : TRUSTING.map((name) => [name, CERTIFICATES] as const);
  const quoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;
  return [...Object.entries(environment), ...trust].map(([name, value]) => `export ${name}=${quoted(value)}\n`).join('');
}

/** Returns the options of a container that runs a step of a Dockerfile. */
export function stepOptions(owner: Owner, plan: JobPlan, places: JobPlaces): ContainerCreateOptions {
  const { HostConfig, Labels, ...options } = jobOptions(owner, plan, places);
  const { User: _user, WorkingDir: _directory, Env: _variables, ...rest } = options;
  const { 'raworc.job': _job, 'raworc.space': _space, ...labels } = Labels ?? {};
  const { certificates } = places.settings;
  return {
    ...rest,
    name: `${STEP_NAME}${plan.buildId}_${plan.image.slice(-12)}`,
    Entrypoint: ['/bin/sh', '-c', STEP, 'sh', ...plan.command],
    Labels: labels,
    HostConfig: {
      ...HostConfig,
      Mounts: [
        ...(certificates === undefined ? [] : [diskMount(certificates, CERTIFICATES, true)]),
        ...(places.resolvConf === undefined ? [] : [diskMount(places.resolvConf, RESOLV_CONF, true)]),
      ],
      ReadonlyRootfs: false,
      // What is mounted below it leaves nothing in the image.
      Tmpfs: { '/run': `rw,nosuid,nodev,size=${places.limits.temporaryBytes}` },
      CapAdd: STEP_CAPABILITIES,
    },
  };
}

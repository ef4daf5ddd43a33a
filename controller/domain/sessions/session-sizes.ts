/**
 * The sizes of a session: the client's request, then the space's settings, within the maxima of
 * both space and operator.
 */
import type { Profile } from '../../contract/profiles.ts';
import { accepted, type Outcome, type Refused, refused } from '../engine/outcome.ts';
import { maximaIn, sessionDefaults } from '../spaces/space-settings.ts';
import type { Limits, Requests, SessionRow } from './rows.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
export const DEFAULT_REQUESTS: Requests = { cpuMillis: 50, memoryBytes: 128 * MIB };
export const DEFAULT_LIMITS: Limits = { cpuMillis: 500, memoryBytes: 512 * MIB, diskBytes: GIB, processes: 256 };
/** Of a workstation, unless the space's settings say more. */
export const WORKSTATION_LIMITS: Limits = { cpuMillis: 2000, memoryBytes: 4 * GIB, diskBytes: 8 * GIB, processes: 1024 };
/** The minimum with which a container and its guest start. */
export const MIN_LIMITS = { cpuMillis: 10, memoryBytes: 48 * MIB } as const;

/**
 * Processes of the guest, beyond `limits.processes`. Equals the node agent's RESERVED_PROCESSES.
 */
export const GUEST_PROCESSES = 64;

/** Bounds of one session's conversation. 0: unbounded. */
export interface HistoryBound {
  readonly messages: number;
  readonly bytes: number;
}

/** The operator's rules for the whole cluster. */
export interface SizeRules {
  /** Maxima of one session. */
  readonly most: Limits;
  /** The largest ratio of a CPU or memory limit to its request. 0: unbounded. */
  readonly maxRatio: number;
  /**
   * The largest ratio of the sum of memory limits to a node's memory, and of disk limits to its
   * disk. 0: unbounded.
   */
  readonly memoryOvercommit: number;
  readonly diskOvercommit: number;
  readonly history: HistoryBound;
  /** Slots that a space in use has, unless its settings say otherwise. 0: none. */
  readonly slots: number;
}

export const DEFAULT_SIZE_RULES: SizeRules = {
  most: { cpuMillis: 64_000, memoryBytes: 256 * GIB, diskBytes: 256 * GIB, processes: 4096 },
  maxRatio: 100,
  memoryOvercommit: 10,
  diskOvercommit: 10,
  history: { messages: 100_000, bytes: 256 * MIB },
  slots: 0,
};

export interface Sizes {
  readonly requests: Requests;
  readonly limits: Limits;
}

/** In the API's units. */
export interface RequestedSizes {
  readonly requests?: { readonly cpu?: number; readonly memory_bytes?: number };
  readonly limits?: { readonly cpu?: number; readonly memory_bytes?: number; readonly disk_bytes?: number; readonly processes?: number };
}

type Settings = Readonly<Record<string, unknown>>;

const FIELDS: { readonly [Field in keyof Limits]: string } = {
  cpuMillis: 'cpu',
  memoryBytes: 'memory_bytes',
  diskBytes: 'disk_bytes',
  processes: 'processes',
};
const LIMITS = ['cpuMillis', 'memoryBytes', 'diskBytes', 'processes'] as const;
const REQUESTS = ['cpuMillis', 'memoryBytes'] as const;

export const millis = (cpu: number): number => Math.max(1, Math.round(cpu * 1000));
const inApi = (field: keyof Limits, value: number): number => (field === 'cpuMillis' ? value / 1000 : value);

function inRows(asked: Readonly<Record<string, number | undefined>> = {}): Partial<Limits> {
  const { cpu, memory_bytes: memoryBytes, disk_bytes: diskBytes, processes } = asked;
  return {
    ...(cpu === undefined ? {} : { cpuMillis: millis(cpu) }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(processes === undefined ? {} : { processes }),
  };
}

/** Presents limits in the API's units. */
export const limitsObject = (limits: Limits): Readonly<Record<string, number>> =>
  Object.fromEntries(LIMITS.map((field) => [FIELDS[field], inApi(field, limits[field])]));

/** Returns the smaller of each limit. A missing maximum bounds nothing. */
export function clampLimits(one: Limits, other: Partial<Limits>): Limits {
  const least = (field: keyof Limits) => Math.min(one[field], other[field] ?? Number.POSITIVE_INFINITY);
  return { cpuMillis: least('cpuMillis'), memoryBytes: least('memoryBytes'), diskBytes: least('diskBytes'), processes: least('processes') };
}

/** Returns the maxima of a session in a space with these settings. */
export const maxIn = (rules: SizeRules, settings: Settings): Limits => clampLimits(rules.most, inRows(maximaIn(settings)));

export interface SizesFor {
  /** Where a refusal finds the sizes. */
  readonly at?: string;
  readonly profile?: Profile;
  /** What some node allows one session: the usual limits of a workstation are lowered to it. */
  readonly nodes?: Partial<Limits>;
}

const wrong = (path: string, problem: string) => refused('UNPROCESSABLE_ENTITY', `${path} ${problem}.`, [{ path, problem }]);

/**
 * Returns the sizes of a session. A client's value is kept or refused (422, with its path and what
 * is allowed). Missing values come from the space's settings and the defaults, adjusted to the
 * maxima and the ratio.
 */
export function sizesOf(
  rules: SizeRules,
  settings: Settings,
  sent: RequestedSizes = {},
  { at = 'resources', profile = 'locked', nodes = {} }: SizesFor = {},
): Outcome<Sizes> {
  const most = maxIn(rules, settings);
  const asked = { requests: inRows(sent.requests), limits: inRows(sent.limits) };
  const excess = beyond(most, asked.limits, `${at}.limits`) ?? beyond(most, asked.requests, `${at}.requests`);
  if (excess !== undefined) return excess;
  const space = sessionDefaults(settings);
  const usualLimits = profile === 'workstation' ? clampLimits(WORKSTATION_LIMITS, nodes) : DEFAULT_LIMITS;
  const defaults = { requests: inRows(space.requests), limits: raised(inRows(space.limits), profile) };
  const fit = (field: 'cpuMillis' | 'memoryBytes') => {
    const request = asked.requests[field];
    const least = MIN_LIMITS[field];
    const usual = defaults.limits[field] ?? Math.max(usualLimits[field], request ?? defaults.requests[field] ?? 0);
    let limit = asked.limits[field] ?? Math.min(most[field], usual);
    let requested = request ?? Math.min(limit, defaults.requests[field] ?? DEFAULT_REQUESTS[field]);
    if (rules.maxRatio > 0 && limit > requested * rules.maxRatio) {
      if (request === undefined) requested = Math.ceil(limit / rules.maxRatio);
      else if (asked.limits[field] === undefined) limit = Math.max(Math.min(limit, least), requested * rules.maxRatio);
    }
    return { requested, limit };
  };
  const [cpu, memory] = [fit('cpuMillis'), fit('memoryBytes')];
  const limits: Limits = {
    cpuMillis: cpu.limit,
    memoryBytes: memory.limit,
    diskBytes: asked.limits.diskBytes ?? Math.min(most.diskBytes, defaults.limits.diskBytes ?? usualLimits.diskBytes),
    processes: asked.limits.processes ?? Math.min(most.processes, defaults.limits.processes ?? usualLimits.processes),
  };
  const requests = { cpuMillis: cpu.requested, memoryBytes: memory.requested };
  if (REQUESTS.some((field) => requests[field] > limits[field])) {
    const problem = `greater than ${at}.limits`;
    return refused('UNPROCESSABLE_ENTITY', `${at}.requests cannot exceed ${at}.limits.`, [{ path: `${at}.requests`, problem }]);
  }
  for (const field of REQUESTS) {
    const [request, limit] = [requests[field], limits[field]];
    if (rules.maxRatio === 0 || limit <= request * rules.maxRatio) continue;
    const needed = inApi(field, Math.ceil(limit / rules.maxRatio));
    const why = `its limit is ${inApi(field, limit)}, and a limit can be at most ${rules.maxRatio} times its request`;
    return wrong(`${at}.requests.${FIELDS[field]}`, `must be at least ${needed}: ${why}`);
  }
  return accepted({ requests, limits });
}

/** The settings of a space say what agents need: those of a workstation count only where they are larger. */
function raised(limits: Partial<Limits>, profile: Profile): Partial<Limits> {
  if (profile !== 'workstation') return limits;
  const larger = LIMITS.flatMap((field) => {
    const limit = limits[field];
    return limit === undefined || limit < WORKSTATION_LIMITS[field] ? [] : [[field, limit] as const];
  });
  return Object.fromEntries(larger);
}

/** Refuses settings of a space that no session could satisfy. */
export function checkedSettings(rules: SizeRules, settings: Settings): Outcome<undefined> {
  const excess = beyond(rules.most, inRows(maximaIn(settings)), 'settings.maxima');
  if (excess !== undefined) return excess;
  const { requests, limits } = sessionDefaults(settings);
  const sizes = sizesOf(rules, { maxima: settings.maxima }, { requests, limits }, { at: 'settings.resources' });
  return sizes.ok ? accepted(undefined) : sizes;
}

/** Returns why these sizes are too large; undefined if they are not. */
function beyond(most: Limits, sizes: Partial<Limits>, at: string): Refused | undefined {
  for (const field of LIMITS) {
    const size = sizes[field];
    if (size === undefined || size <= most[field]) continue;
    return wrong(`${at}.${FIELDS[field]}`, `must be at most ${inApi(field, most[field])}, the configured maximum`);
  }
  return undefined;
}

/**
 * Returns a session with its limits lowered to these maxima, and its requests to match, for its
 * next start. Its disk keeps its size, because a file system with files does not shrink.
 */
export function lowered(session: SessionRow, most: Limits): SessionRow {
  const limits = { ...clampLimits(session.limits, most), diskBytes: session.limits.diskBytes };
  if (LIMITS.every((field) => limits[field] === session.limits[field])) return session;
  const requests = {
    cpuMillis: Math.min(session.requests.cpuMillis, limits.cpuMillis),
    memoryBytes: Math.min(session.requests.memoryBytes, limits.memoryBytes),
  };
  return { ...session, requests, limits };
}

/** How large a session may be: what a client asks for, what its space's settings say for the rest, and the maxima of both. */
import { accepted, type Outcome, type Refused, refused } from '../engine/outcome.ts';
import { maximaIn, sessionDefaults } from '../spaces/space-settings.ts';
import type { Limits, Requests, SessionRow } from './rows.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
export const DEFAULT_REQUESTS: Requests = { cpuMillis: 50, memoryBytes: 128 * MIB };
export const DEFAULT_LIMITS: Limits = { cpuMillis: 500, memoryBytes: 512 * MIB, diskBytes: GIB, processes: 256 };
/** With less, no container starts, or the guest in it does not. */
export const MIN_LIMITS = { cpuMillis: 10, memoryBytes: 48 * MIB } as const;

/** Of a session's guest, beyond `limits.processes`: node agents give it as many (RESERVED_PROCESSES). */
export const GUEST_PROCESSES = 64;

/** Of one session's conversation. 0: no bound. */
export interface HistoryBound {
  readonly messages: number;
  readonly bytes: number;
}

/** What the operator allows on the whole cluster. */
export interface SizeRules {
  /** Of one session. */
  readonly most: Limits;
  /** How many times its request a limit of CPU or memory may be. 0: no bound. */
  readonly maxRatio: number;
  /** How many times a node's memory the memory limits of its sessions may be together; the same of its disk. 0: no bound. */
  readonly memoryOvercommit: number;
  readonly diskOvercommit: number;
  readonly history: HistoryBound;
}

export const DEFAULT_SIZE_RULES: SizeRules = {
  most: { cpuMillis: 64_000, memoryBytes: 256 * GIB, diskBytes: 256 * GIB, processes: 4096 },
  maxRatio: 100,
  memoryOvercommit: 10,
  diskOvercommit: 10,
  history: { messages: 100_000, bytes: 256 * MIB },
};

export interface Sizes {
  readonly requests: Requests;
  readonly limits: Limits;
}

/** In the units of the API. */
export interface AskedSizes {
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

/** As the API shows them. */
export const limitsObject = (limits: Limits): Readonly<Record<string, number>> =>
  Object.fromEntries(LIMITS.map((field) => [FIELDS[field], inApi(field, limits[field])]));

/** The lesser of each; a maximum that is not given bounds nothing. */
export function lesser(one: Limits, other: Partial<Limits>): Limits {
  const least = (field: keyof Limits) => Math.min(one[field], other[field] ?? Number.POSITIVE_INFINITY);
  return { cpuMillis: least('cpuMillis'), memoryBytes: least('memoryBytes'), diskBytes: least('diskBytes'), processes: least('processes') };
}

/** What a session of a space with these settings may have at most. */
export const maxIn = (rules: SizeRules, settings: Settings): Limits => lesser(rules.most, inRows(maximaIn(settings)));

const wrong = (path: string, problem: string) => refused('UNPROCESSABLE_ENTITY', `${path} ${problem}.`, [{ path, problem }]);

/**
 * The sizes of a session. What its client asked for is taken as it is or refused (422, with the path and what is allowed). What
 * nobody asked for comes from the space's settings and the defaults of Raworc, moved to within the maxima and the ratio.
 */
export function sizesOf(rules: SizeRules, settings: Settings, sent: AskedSizes = {}, at = 'resources'): Outcome<Sizes> {
  const most = maxIn(rules, settings);
  const asked = { requests: inRows(sent.requests), limits: inRows(sent.limits) };
  const excess = beyond(most, asked.limits, `${at}.limits`) ?? beyond(most, asked.requests, `${at}.requests`);
  if (excess !== undefined) return excess;
  const space = sessionDefaults(settings);
  const defaults = { requests: inRows(space.requests), limits: inRows(space.limits) };
  const fit = (field: 'cpuMillis' | 'memoryBytes') => {
    const request = asked.requests[field];
    const least = MIN_LIMITS[field];
    const usual = defaults.limits[field] ?? Math.max(DEFAULT_LIMITS[field], request ?? defaults.requests[field] ?? 0);
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
    ...{ cpuMillis: cpu.limit, memoryBytes: memory.limit },
    diskBytes: asked.limits.diskBytes ?? Math.min(most.diskBytes, defaults.limits.diskBytes ?? DEFAULT_LIMITS.diskBytes),
    processes: asked.limits.processes ?? Math.min(most.processes, defaults.limits.processes ?? DEFAULT_LIMITS.processes),
  };
  const requests = { cpuMillis: cpu.requested, memoryBytes: memory.requested };
  if (REQUESTS.some((field) => requests[field] > limits[field])) {
    const problem = `greater than ${at}.limits`;
    return refused('UNPROCESSABLE_ENTITY', `${at}.requests may not exceed ${at}.limits.`, [{ path: `${at}.requests`, problem }]);
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

/** Settings of a space that no session could follow are refused when they are set. */
export function checkedSettings(rules: SizeRules, settings: Settings): Outcome<undefined> {
  const excess = beyond(rules.most, inRows(maximaIn(settings)), 'settings.maxima');
  if (excess !== undefined) return excess;
  const { requests, limits } = sessionDefaults(settings);
  const sizes = sizesOf(rules, { maxima: settings.maxima }, { requests, limits }, 'settings.resources');
  return sizes.ok ? accepted(undefined) : sizes;
}

/** Why these sizes are too large; undefined when they are not. */
export function beyond(most: Limits, sizes: Partial<Limits>, at: string): Refused | undefined {
  for (const field of LIMITS) {
    const size = sizes[field];
    if (size === undefined || size <= most[field]) continue;
    return wrong(`${at}.${FIELDS[field]}`, `must be at most ${inApi(field, most[field])}, the maximum that is set here`);
  }
  return undefined;
}

/**
 * A session whose maxima became less since it was made, as it starts again: with the lesser limits, and requests to match. Its disk
 * stays as large as it is: a file system with files in it does not shrink.
 */
export function lowered(session: SessionRow, most: Limits): SessionRow {
  const limits = { ...lesser(session.limits, most), diskBytes: session.limits.diskBytes };
  if (LIMITS.every((field) => limits[field] === session.limits[field])) return session;
  const requests = {
    cpuMillis: Math.min(session.requests.cpuMillis, limits.cpuMillis),
    memoryBytes: Math.min(session.requests.memoryBytes, limits.memoryBytes),
  };
  return { ...session, requests, limits };
}

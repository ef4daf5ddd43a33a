/**
 * Places a new session: a pipeline of named filters that each can explain a refusal, then a score.
 * Pure: the same fleet and need give the same result.
 */
import type { FleetNode } from '../engine/fleet.ts';
import type { NodeId, SpaceId } from '../engine/ids.ts';
import { type Refused, refused } from '../engine/outcome.ts';
import type { Limits, Requests } from './rows.ts';
import { DEFAULT_SIZE_RULES, GUEST_PROCESSES, type SizeRules } from './session-sizes.ts';

export interface Need {
  readonly spaceId: SpaceId;
  readonly requests: Requests;
  readonly limits: Limits;
  readonly image: string;
  /** Whether the registry has the image, so that nodes can pull it. */
  readonly isInRegistry?: boolean;
  /** The session's disk is already on the node, and counted in the node's use. */
  readonly hasDisk?: boolean;
}

interface Filter {
  readonly name: string;
  /** Returns why the node is unsuitable; undefined when it is suitable. */
  refuse(node: FleetNode, need: Need, rules: SizeRules): string | undefined;
}

const MIB = 1024 * 1024;
const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
const cpu = (millis: number) => `${millis / 1000} CPU`;

const FILTERS: readonly Filter[] = [
  {
    name: 'cordon',
    refuse: ({ cordoned, draining }) => (draining ? 'is being drained' : cordoned ? 'is cordoned' : undefined),
  },
  { name: 'ready', refuse: (node) => (node.ready ? undefined : 'is not connected') },
  {
    name: 'conditions',
    refuse: ({ unschedulable }) =>
      unschedulable === undefined ? undefined : `accepts no new sessions: ${unschedulable.replace(/\.$/, '')}`,
  },
  {
    name: 'spaces',
    // Does not list the node's spaces: callers who can list nodes cannot always list every space.
    refuse: (node, { spaceId }) => (takesSpace(node, spaceId) ? undefined : 'accepts no sessions of this space'),
  },
  {
    name: 'image',
    refuse: (node, need) =>
      node.images.has(need.image) || (need.isInRegistry && node.pulls) ? undefined : `does not have the image ${need.image}`,
  },
  {
    name: 'cpu',
    refuse(node, { requests }) {
      const free = node.cpuMillis - node.requested.cpuMillis;
      if (requests.cpuMillis <= free) return undefined;
      return `has ${cpu(Math.max(0, free))} of ${cpu(node.cpuMillis)} left, but the session requests ${cpu(requests.cpuMillis)}`;
    },
  },
  {
    name: 'memory',
    refuse(node, { requests }) {
      const free = node.memoryBytes - node.requested.memoryBytes;
      if (requests.memoryBytes <= free) return undefined;
      return `has ${mib(Math.max(0, free))} of ${mib(node.memoryBytes)} left, but the session requests ${mib(requests.memoryBytes)}`;
    },
  },
  {
    name: 'sessions',
    refuse: (node) =>
      node.maxSessions === 0 || node.sessions < node.maxSessions ? undefined : `already has its maximum of ${node.maxSessions} sessions`,
  },
  {
    name: 'maxima',
    refuse(node, { limits, hasDisk = false }) {
      if (node.bounds === undefined) return undefined;
      const { cpuMillis, ...sizes } = hasDisk ? { ...limits, diskBytes: 0 } : limits;
      const most = unbounded(node.bounds.most);
      if (cpuMillis > most.cpuMillis)
        return `allows at most ${cpu(most.cpuMillis)} per session, but the limit of this session is ${cpu(cpuMillis)}`;
      const [problem] = MOST.filter(([field]) => sizes[field] > most[field]);
      if (problem === undefined) return undefined;
      const [field, name] = problem;
      return `allows at most ${most[field]} ${name} per session, but the limit of this session is ${sizes[field]}`;
    },
  },
  {
    name: 'processes',
    refuse({ bounds, limited }, { limits }) {
      const most = bounds?.processes ?? 0;
      const more = limits.processes + GUEST_PROCESSES;
      if (most === 0 || limited.processes + more <= most) return undefined;
      return `has ${Math.max(0, most - limited.processes)} of ${most} processes left, but the session needs ${more} with its guest`;
    },
  },
  {
    name: 'memory-limits',
    refuse({ memoryBytes, limited }, { limits }, { memoryOvercommit }) {
      const most = memoryBytes * memoryOvercommit;
      if (most === 0 || limited.memoryBytes + limits.memoryBytes <= most) return undefined;
      return `has ${mib(Math.max(0, most - limited.memoryBytes))} of ${mib(most)} for memory limits left, but the limit of this session is ${mib(limits.memoryBytes)}`;
    },
  },
  {
    name: 'disk-limits',
    refuse({ bounds, limited }, { limits, hasDisk = false }, { diskOvercommit }) {
      const most = (bounds?.diskBytes ?? 0) * diskOvercommit;
      if (hasDisk || most === 0 || limited.diskBytes + limits.diskBytes <= most) return undefined;
      return `has ${mib(Math.max(0, most - limited.diskBytes))} of ${mib(most)} for disks left, but the limit of this session is ${mib(limits.diskBytes)}`;
    },
  },
];

/** Whether the operator's rules allow the node this space. */
export const takesSpace = ({ spaces }: Pick<FleetNode, 'spaces'>, spaceId: SpaceId): boolean => spaces?.has(spaceId) ?? true;

const MOST = [
  ['memoryBytes', 'bytes of memory'],
  ['diskBytes', 'bytes of disk'],
  ['processes', 'processes'],
] as const;

/** Returns the limits with 0 (unlimited) as infinity. */
export function unbounded(most: Limits): Limits {
  const of = (value: number) => (value === 0 ? Number.POSITIVE_INFINITY : value);
  return { cpuMillis: of(most.cpuMillis), memoryBytes: of(most.memoryBytes), diskBytes: of(most.diskBytes), processes: of(most.processes) };
}

/** Filters about room, as opposed to whether the node is usable at all. */
const ROOM: ReadonlySet<string> = new Set(['spaces', 'cpu', 'memory', 'sessions', 'maxima', 'processes', 'memory-limits', 'disk-limits']);

export interface Obstacle {
  readonly node: string;
  readonly filter: string;
  readonly reason: string;
}

export type Placement = { readonly ok: true; readonly nodeId: NodeId } | { readonly ok: false; readonly obstacles: readonly Obstacle[] };

/** By how much fuller a node can be than one that has to pull the image, and still be preferred. */
const IMAGE_WORTH = 0.25;

/**
 * Returns the share of the node's scarcer resource that would be in use, 0 (empty) to 1 (full), and
 * more if it lacks the image.
 */
function load(node: FleetNode, { requests, image }: Need): number {
  const cpuShare = (node.requested.cpuMillis + requests.cpuMillis) / node.cpuMillis;
  const memoryShare = (node.requested.memoryBytes + requests.memoryBytes) / node.memoryBytes;
  return Math.max(cpuShare, memoryShare) + (node.images.has(image) ? 0 : IMAGE_WORTH);
}

/**
 * Returns the least loaded node that passes every filter; having the image is worth some load. Ties
 * go to the node with fewer sessions, then to the smaller id, so that the result is independent of
 * the fleet's order. If no node passes: the first obstacle of each.
 */
export function place(nodes: readonly FleetNode[], need: Need, rules: SizeRules = DEFAULT_SIZE_RULES): Placement {
  const obstacles: Obstacle[] = [];
  let best: { node: FleetNode; load: number } | undefined;
  for (const node of nodes) {
    const obstacle = firstObstacle(node, need, rules);
    if (obstacle !== undefined) {
      obstacles.push(obstacle);
      continue;
    }
    const candidate = { node, load: load(node, need) };
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best === undefined ? { ok: false, obstacles } : { ok: true, nodeId: best.node.id };
}

/** Returns why a node lacks room for this, ignoring other filters. */
export function shortOf(node: FleetNode, need: Omit<Need, 'image'>, rules: SizeRules): string | undefined {
  for (const filter of FILTERS.filter(({ name }) => ROOM.has(name))) {
    const reason = filter.refuse(node, { ...need, image: '' }, rules);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function firstObstacle(node: FleetNode, need: Need, rules: SizeRules): Obstacle | undefined {
  for (const filter of FILTERS) {
    const reason = filter.refuse(node, need, rules);
    if (reason !== undefined) return { node: node.name, filter: filter.name, reason };
  }
  return undefined;
}

function isBetter(a: { node: FleetNode; load: number }, b: { node: FleetNode; load: number }): boolean {
  if (a.load !== b.load) return a.load < b.load;
  if (a.node.sessions !== b.node.sessions) return a.node.sessions < b.node.sessions;
  return a.node.id < b.node.id;
}

/**
 * Returns a 503 that names the request and, for callers who can list nodes, each node's obstacle.
 * `hint` is appended.
 */
export function noRoom(need: Need, obstacles: readonly Obstacle[], hint = ''): Refused {
  const { cpuMillis, memoryBytes } = need.requests;
  const details = { requests: { cpu: cpuMillis / 1000, memory_bytes: memoryBytes }, image: need.image };
  const withoutNodes = { message: `${askedFor(need)}. Retry later, or ask an operator for more room.${hint}`, details };
  const { refusal } = refused('UNAVAILABLE', `${explain(need, obstacles)}${hint}`, { ...details, nodes: obstacles });
  return { ok: false, refusal: { ...refusal, withoutNodes } };
}

const askedFor = ({ requests }: Need): string =>
  `No node has room for a session that requests ${cpu(requests.cpuMillis)} and ${mib(requests.memoryBytes)}`;

/** Returns one line for an operator: the request, and each node's obstacle. */
export function explain(need: Need, obstacles: readonly Obstacle[]): string {
  const asked = askedFor(need);
  if (obstacles.length === 0) return `${asked}: no node has joined yet. Print a token with \`raworc node token\` and start a node with it.`;
  return `${asked}: ${obstacles.map(({ node, reason }) => `${node} ${reason}`).join('; ')}.`;
}

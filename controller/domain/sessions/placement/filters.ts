/** The filters of placement. Each can explain why it refuses a node. */
import type { Profile } from '../../../contract/profiles.ts';
import type { FleetNode } from '../../engine/fleet.ts';
import type { NodeId, SpaceId } from '../../engine/ids.ts';
import { platformOf } from '../../images/platforms.ts';
import type { ImagePlatforms } from '../../images/repository.ts';
import type { Limits, Requests } from '../rows.ts';
import { GUEST_PROCESSES, type SizeRules } from '../session-sizes.ts';
import { broken, holds } from './label-rules.ts';
import { NO_PLACEMENT_RULES, type PlacementRules } from './placement-rules.ts';

export interface Need {
  readonly spaceId: SpaceId;
  readonly requests: Requests;
  readonly limits: Limits;
  readonly image: string;
  /** Undefined: locked. */
  readonly profile?: Profile;
  /** Undefined: nodes cannot pull the image, and where it is says which ones can take the session. */
  readonly platforms?: ImagePlatforms;
  /** Undefined: none, on any node. */
  readonly placement?: PlacementRules;
  /** The only node with the files that the session begins with. Undefined: it begins without. */
  readonly onlyOn?: NodeId | undefined;
  /**
   * The session is to wake on its node: its disk is there, and counted in the node's use. What the
   * node reserves is for such sessions, and they ignore filters that are not about room.
   */
  readonly hasDisk?: boolean;
  /** Undefined: it is this request's turn. */
  readonly yields?: Yields | undefined;
}

/** Returns whether a request still needs the same sizes and image. Undefined: it can no longer be carried out. */
export function asksTheSame(one: Need | undefined, other: Need): boolean {
  const sizesOf = ({ image, requests, limits }: Need) =>
    [image, requests.cpuMillis, requests.memoryBytes, limits.cpuMillis, limits.memoryBytes, limits.diskBytes, limits.processes].join(' ');
  return one === undefined || sizesOf(one) === sizesOf(other);
}

/** Returns whether the room of a node is for requests that wait for it. */
export type Yields = (node: FleetNode, need: Need) => boolean;

interface Filter {
  readonly name: string;
  /** Returns why the node is unsuitable; undefined when it is suitable. */
  refuse(node: FleetNode, need: Need, rules: SizeRules): string | undefined;
}

const MIB = 1024 * 1024;
export const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
export const cpu = (millis: number) => `${millis / 1000} CPU`;

const besides = (reserved: number, written: (amount: number) => string): string =>
  reserved === 0 ? '' : ` besides ${written(reserved)} reserved for sessions that wake`;

export const FILTERS: readonly Filter[] = [
  {
    name: 'files',
    refuse: ({ id }, { onlyOn = id }) => (id === onlyOn ? undefined : 'does not have the files of the session'),
  },
  {
    name: 'cordon',
    refuse: ({ cordoned, draining }, { hasDisk }) =>
      draining ? 'is being drained' : cordoned && hasDisk !== true ? 'is cordoned' : undefined,
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
    name: 'constraints',
    refuse({ labels = {} }, { placement = NO_PLACEMENT_RULES }) {
      const own = placement.constraints.find((constraint) => !holds(constraint, labels));
      if (own !== undefined) return broken(own, labels);
      // Named by its place: callers who can list nodes cannot always read the settings of the space.
      const ofSpace = placement.spaceConstraints.findIndex((constraint) => !holds(constraint, labels));
      return ofSpace === -1 ? undefined : `does not meet scheduling.constraints[${ofSpace}] of the space's settings`;
    },
  },
  {
    name: 'anti-affinity',
    refuse: ({ id }, { placement = NO_PLACEMENT_RULES }) =>
      placement.antiAffinity === 'required' && placement.sessionsOfSpace(id) > 0
        ? 'already has a session of this space, whose setting scheduling.anti_affinity allows one per node'
        : undefined,
  },
  {
    name: 'profile',
    refuse: ({ profiles }, { profile = 'locked' }) =>
      profile === 'locked' || profiles?.has(profile) === true ? undefined : `has no sessions of the profile ${profile}`,
  },
  {
    name: 'image',
    refuse(node, { image, profile, platforms }) {
      // Its node makes it, unless another one has it.
      if (profile === 'workstation') return undefined;
      const platform = platformOf(node);
      if (node.images.has(image) || (node.pulls && platforms?.inRegistry.has(platform))) return undefined;
      const others = [...(platforms?.inRegistry ?? []), ...(platforms?.built ? [platforms.built] : [])].toSorted();
      if (others.length === 0 || others.includes(platform)) return `does not have the image ${image}`;
      return `runs images for ${platform}, but the image ${image} exists for ${[...new Set(others)].join(' and ')} only`;
    },
  },
  {
    name: 'cpu',
    refuse(node, { requests }) {
      const { cpuMillis: reserved = 0 } = node.reserved ?? {};
      const free = node.cpuMillis - node.requested.cpuMillis - reserved;
      if (requests.cpuMillis <= free) return undefined;
      return `has ${cpu(Math.max(0, free))} of ${cpu(node.cpuMillis)} left${besides(reserved, cpu)}, but the session requests ${cpu(requests.cpuMillis)}`;
    },
  },
  {
    name: 'memory',
    refuse(node, { requests }) {
      const { memoryBytes: reserved = 0 } = node.reserved ?? {};
      const free = node.memoryBytes - node.requested.memoryBytes - reserved;
      if (requests.memoryBytes <= free) return undefined;
      return `has ${mib(Math.max(0, free))} of ${mib(node.memoryBytes)} left${besides(reserved, mib)}, but the session requests ${mib(requests.memoryBytes)}`;
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
  {
    // The last, and so about nodes with room only.
    name: 'queue',
    refuse: (node, need) => (need.yields?.(node, need) === true ? 'has room for which earlier requests wait' : undefined),
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

/** Returns the largest maxima of one session among nodes. */
export function largestMaxima(nodes: readonly FleetNode[]): Partial<Limits> {
  const known = nodes.flatMap(({ bounds }) => (bounds === undefined ? [] : [unbounded(bounds.most)]));
  if (known.length === 0) return {};
  const largest = (field: keyof Limits) => Math.max(...known.map((most) => most[field]));
  return {
    cpuMillis: largest('cpuMillis'),
    memoryBytes: largest('memoryBytes'),
    diskBytes: largest('diskBytes'),
    processes: largest('processes'),
  };
}

/** Filters about room, as opposed to whether the node is usable at all. */
const ROOM: ReadonlySet<string> = new Set(['spaces', 'cpu', 'memory', 'sessions', 'maxima', 'processes', 'memory-limits', 'disk-limits']);

export interface Obstacle {
  readonly node: string;
  readonly filter: string;
  readonly reason: string;
}

const ABOUT_ROOM = FILTERS.filter(({ name }) => ROOM.has(name));
const WHEN_IT_WAKES = FILTERS.filter(({ name }) => ROOM.has(name) || name === 'files' || name === 'cordon' || name === 'queue');

/** Returns why a node lacks room for a session that it has, ignoring other filters. */
export const shortOf = (node: FleetNode, need: Omit<Need, 'image'>, rules: SizeRules): string | undefined =>
  firstOf(ABOUT_ROOM, { ...node, reserved: undefined }, { ...need, image: '' }, rules)?.reason;

/** Returns the first filter that refuses a node, and why. */
export const firstObstacle = (node: FleetNode, need: Need, rules: SizeRules): Obstacle | undefined =>
  need.hasDisk === true ? firstOf(WHEN_IT_WAKES, { ...node, reserved: undefined }, need, rules) : firstOf(FILTERS, node, need, rules);

function firstOf(filters: readonly Filter[], node: FleetNode, need: Need, rules: SizeRules): Obstacle | undefined {
  for (const filter of filters) {
    const reason = filter.refuse(node, need, rules);
    if (reason !== undefined) return { node: node.name, filter: filter.name, reason };
  }
  return undefined;
}

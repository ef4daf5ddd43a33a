import type { Preference } from '../../../controller/contract/scheduling/label-rules.ts';
import type { FleetNode } from '../../../controller/domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../../controller/domain/engine/ids.ts';
import { type NodeRules, ruleFor } from '../../../controller/domain/nodes/node-rules.ts';
import type { NodeRow } from '../../../controller/domain/nodes/rows.ts';
import type { PlacementRules } from '../../../controller/domain/sessions/placement/placement-rules.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import { isMet } from './label-rules.ts';
import type { Room, Rooms } from './room.ts';
import { SIZES } from './sizes.ts';

/** A node at the moment of a placement. */
export interface ModelNode {
  /** As last committed. */
  readonly row: NodeRow;
  /** What only its stream says. */
  readonly facts: Pick<FleetNode, 'ready' | 'unschedulable' | 'images' | 'pulls'>;
  readonly use: Room;
  /** Sessions of the space on it, including those that take no room. */
  readonly ofSpace: number;
  readonly reserved: { readonly cpuMillis: number; readonly memoryBytes: number } | undefined;
}

/** What a new session asks for. */
export interface Ask extends Pick<SessionRow, 'requests' | 'limits' | 'image'>, Pick<PlacementRules, 'strategy' | 'antiAffinity'> {
  /** Platforms for which the registry has the image. */
  readonly inRegistry: ReadonlySet<string>;
  /** Its own and those of its space. */
  readonly constraints: SessionRow['constraints'];
  readonly preferences: SessionRow['preferences'];
}

/** Returns all nodes as a session of this space finds them. */
export function modelOf(
  nodes: readonly FleetNode[],
  rowOf: (id: NodeId) => NodeRow | undefined,
  rooms: Rooms,
  space: SpaceId,
  rules: NodeRules,
): readonly ModelNode[] {
  return nodes.flatMap(({ id, ready, unschedulable, images, pulls }) => {
    const row = rowOf(id);
    // The directory shows the set of images that the stream goes on to change.
    const facts = { ready, unschedulable, images: new Set(images), pulls };
    const { reserved } = ruleFor(rules, row?.name ?? '');
    return row === undefined ? [] : [{ row, facts, use: rooms.onNode(id), ofSpace: rooms.ofSpaceOn(space, id), reserved }];
  });
}

/** Fuller by this much is as good as a node that must pull the image. */
const IMAGE = 0.25;
const USUAL_PERCENT = 50;
const GUEST = 64;

/** Written without the product's filters, which it checks. Returns why a session cannot be placed on a node. */
export function unfit({ row, facts, use, ofSpace, reserved }: ModelNode, ask: Ask): string | undefined {
  const { requests, limits } = ask;
  const { processes, diskBytes, most } = row.bounds ?? { processes: 0, diskBytes: 0, most: undefined };
  const within = (sum: number, bound: number) => bound === 0 || sum <= bound;
  const rules: Readonly<Record<string, boolean>> = {
    'it is cordoned': row.cordonedAt === null,
    'it is drained': row.drain === null,
    'it was removed': row.revokedAt === null,
    'it is not connected': facts.ready,
    'it accepts no new sessions': facts.unschedulable === undefined,
    'a constraint is broken': ask.constraints.every((constraint) => isMet(constraint, row.labels[constraint.label])),
    'it has a session of the space': ask.antiAffinity !== 'required' || ofSpace === 0,
    'it lacks the image': facts.images.has(ask.image) || (ask.inRegistry.has(row.platform ?? 'linux/amd64') && facts.pulls === true),
    'it lacks CPU': use.cpuMillis + requests.cpuMillis + (reserved?.cpuMillis ?? 0) <= row.cpuMillis,
    'it lacks memory': use.memoryBytes + requests.memoryBytes + (reserved?.memoryBytes ?? 0) <= row.memoryBytes,
    'it has as many sessions as it takes': row.maxSessions === 0 || use.sessions < row.maxSessions,
    'it gives no session so much': (['cpuMillis', 'memoryBytes', 'diskBytes', 'processes'] as const).every((what) =>
      within(limits[what], most?.[what] ?? 0),
    ),
    'it lacks processes': within(use.processes + limits.processes + GUEST, processes),
    'it lacks memory for limits': within(use.maxMemoryBytes + limits.memoryBytes, row.memoryBytes * SIZES.memoryOvercommit),
    'it lacks disk': within(use.diskBytes + limits.diskBytes, diskBytes * SIZES.diskOvercommit),
  };
  return Object.entries(rules).find(([, isKept]) => !isKept)?.[0];
}

/** Returns what speaks against a node, as docs/run-a-cluster.md says, in shares of its room. */
export function against({ row, facts, use, ofSpace }: ModelNode, ask: Ask): number {
  const load = Math.max(
    (use.cpuMillis + ask.requests.cpuMillis) / row.cpuMillis,
    (use.memoryBytes + ask.requests.memoryBytes) / row.memoryBytes,
  );
  const broken = ask.preferences.filter((rule: Preference) => !isMet(rule, row.labels[rule.label]));
  return [
    ask.strategy === 'pack' ? 1 - load : load,
    facts.images.has(ask.image) ? 0 : IMAGE,
    ...broken.map(({ weight = USUAL_PERCENT }) => weight / 100),
    ask.antiAffinity === 'preferred' ? ofSpace : 0,
  ].reduce((sum, one) => sum + one);
}

/** Explains why no node takes a session. */
import { type Outcome, type Refused, refused } from '../../engine/outcome.ts';
import { waitsForDrain } from '../session-object.ts';
import { cpu, FILTERS, mib, type Need, type Obstacle } from './filters.ts';

/** Nodes in the details of a refusal, and in its message. */
export const MAX_EXPLAINED = { details: 20, message: 5 } as const;

const STEPS = new Map(FILTERS.map(({ name }, step) => [name, step]));

/** A refusal for lack of a node. Room that comes free can change it. */
export interface NoRoom extends Refused {
  readonly need: Need;
  /** It waited behind another request of its order to the end. */
  readonly hadNoTurn?: true;
}

export const lacksRoom = (outcome: Outcome<unknown> | NoRoom): outcome is NoRoom => !outcome.ok && 'need' in outcome;

/**
 * Returns a 503 that names the request and, for callers who can list nodes, each node's obstacle:
 * of many nodes those that came closest, and for all the count by filter. `hint` is appended.
 */
export function noRoom(asked: Need, all: readonly Obstacle[], more = ''): NoRoom {
  // Kept with the refusal, which outlives the turn of its request.
  const need = { ...asked, yields: undefined };
  const obstacles = all.filter(({ filter }) => filter !== 'files');
  const hint = `${obstacles.some(({ filter }) => filter === 'queue') ? IN_TURN : ''}${more}`;
  return need.hasDisk === true ? noRoomToWake(need, obstacles[0], hint) : noRoomToBegin(need, obstacles, hint);
}

const IN_TURN = ' Earlier requests wait for the room that is left. Requests with `wait` are served in turn.';
const STAYS = ' Volumes are copied on their own node. Send data=false to remix without a copy of the volume.';

function noRoomToBegin(need: Need, obstacles: readonly Obstacle[], more: string): NoRoom {
  const hint = `${need.onlyOn === undefined ? '' : STAYS}${more}`;
  const { cpuMillis, memoryBytes } = need.requests;
  const constraints = need.placement?.constraints ?? [];
  const details = {
    requests: { cpu: cpuMillis / 1000, memory_bytes: memoryBytes },
    image: need.image,
    ...(constraints.length > 0 && { constraints }),
  };
  const withoutNodes = { message: `${askedFor(need)}. Retry later, or ask an operator for more room.${hint}`, details };
  const closest = closestFirst(obstacles);
  const nodes = closest.slice(0, MAX_EXPLAINED.details);
  const { refusal } = refused('UNAVAILABLE', `${explain(need, closest)}${hint}`, {
    ...details,
    nodes,
    nodes_omitted: closest.length - nodes.length,
    nodes_by_filter: countByFilter(obstacles),
  });
  return { ok: false, refusal: { ...refusal, withoutNodes }, need };
}

/** A session wakes on its own node only. */
function noRoomToWake(need: Need, obstacle: Obstacle | undefined, hint: string): NoRoom {
  if (obstacle === undefined) return { ...refused('UNAVAILABLE', `The node of this session no longer exists.${hint}`), need };
  const { node, filter, reason } = obstacle;
  if (filter === 'cordon') return { ...refused('UNAVAILABLE', `${waitsForDrain(node)}${hint}`), need };
  const { refusal } = refused('UNAVAILABLE', `The session cannot run again on its node: ${node} ${reason}.${hint}`);
  const message = `The node of this session has no room for it now. Retry later, or ask an operator for more room.${hint}`;
  return { ok: false, refusal: { ...refusal, withoutNodes: { message } }, need };
}

/** A node that a later filter refused lacks less. */
const closestFirst = (obstacles: readonly Obstacle[]): readonly Obstacle[] =>
  obstacles.toSorted(({ filter: one }, { filter: other }) => (STEPS.get(other) ?? 0) - (STEPS.get(one) ?? 0));

function countByFilter(obstacles: readonly Obstacle[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { filter } of obstacles) counts[filter] = (counts[filter] ?? 0) + 1;
  return counts;
}

function askedFor({ requests, placement }: Need): string {
  const meets = placement !== undefined && placement.constraints.length > 0 ? ' that meets the constraints' : '';
  return `No node${meets} has room for a session that requests ${cpu(requests.cpuMillis)} and ${mib(requests.memoryBytes)}`;
}

/** Returns one line for an operator: the request, and the obstacles of the first nodes. */
export function explain(need: Need, obstacles: readonly Obstacle[]): string {
  const asked = askedFor(need);
  if (obstacles.length === 0) return `${asked}: no node has joined yet. Add a host with \`raworc node token\`.`;
  const shown = obstacles.slice(0, MAX_EXPLAINED.message).map(({ node, reason }) => `${node} ${reason}`);
  const more = obstacles.length - shown.length;
  return `${asked}: ${shown.join('; ')}${more === 0 ? '' : `; ${more} more ${more === 1 ? 'node' : 'nodes'}, see details`}.`;
}

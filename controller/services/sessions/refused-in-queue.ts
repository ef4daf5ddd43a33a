import type { FleetNode } from '../../domain/engine/fleet.ts';
import { refused } from '../../domain/engine/outcome.ts';
import type { Need } from '../../domain/sessions/placement/filters.ts';
import { type NoRoom, noRoom } from '../../domain/sessions/placement/no-room.ts';
import { obstaclesOf } from '../../domain/sessions/placement/placement.ts';
import type { SizeRules } from '../../domain/sessions/session-sizes.ts';

/** Refuses a request that waited: for lack of room, or because earlier ones are to have what is left. */
export function refusedInQueue(nodes: readonly FleetNode[], need: Need, sizes: SizeRules, hint: string): NoRoom {
  const obstacles = obstaclesOf(nodes, need, sizes);
  if (obstacles.length === nodes.length) return noRoom(need, obstacles, hint);
  const message = `Earlier requests in this space still wait for room. Retry later, or ask an operator for more room.${hint}`;
  return { ...refused('UNAVAILABLE', message), need };
}

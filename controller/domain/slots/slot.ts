import type { AccountId } from '../engine/ids.ts';
import { type Mutation, put } from '../engine/mutation.ts';
import type { Limits, Requests, SessionRow } from '../sessions/rows.ts';
import { firstRow, type RequestedSession } from '../sessions/session-row.ts';
import type { SlotKind, SlotRow } from './rows.ts';

/** Of every slot. A claim raises it, so that the node reports the session anew. */
export const SLOT_GENERATION = 1;

const NOBODY = '' as AccountId;
const LIMITS = ['cpuMillis', 'memoryBytes', 'diskBytes', 'processes'] as const satisfies readonly (keyof Limits)[];
const REQUESTS = ['cpuMillis', 'memoryBytes'] as const satisfies readonly (keyof Requests)[];

/** Returns whether a session of the one kind can be a slot of the other. */
export function isSameKind(one: SlotKind, other: SlotKind): boolean {
  return (
    one.image === other.image &&
    one.profile === other.profile &&
    one.imageName === other.imageName &&
    REQUESTS.every((field) => one.requests[field] === other.requests[field]) &&
    LIMITS.every((field) => one.limits[field] === other.limits[field])
  );
}

/** Returns a slot as its node and the sums of room see it: a running session of nobody. */
export function sessionOf(slot: SlotRow): SessionRow {
  const { id, spaceId, nodeId, image, buildId, agents, requests, limits, profile, createdAt } = slot;
  const asked: RequestedSession = {
    ...{ id, spaceId, requests, limits, profile, name: null, metadata: {}, timeouts: {}, constraints: [], preferences: [] },
    by: { accountId: NOBODY, user: '' },
  };
  const build = buildId === null ? undefined : { id: buildId, agents };
  return {
    ...firstRow(asked, { nodeId, image, imageName: slot.imageName ?? undefined, build }, createdAt),
    ...{ phase: slot.phase, containerId: slot.containerId, volume: slot.volume, isolation: slot.isolation },
    generation: SLOT_GENERATION,
    observedGeneration: slot.phase === 'none' ? 0 : SLOT_GENERATION,
    observedOrder: slot.observedOrder,
  };
}

/** Returns whether this row is that of {@link sessionOf}. */
export const isSlot = ({ createdById }: Pick<SessionRow, 'createdById'>): boolean => createdById === NOBODY;

/** Returns the first row of a session that takes a slot. Its node has to acknowledge it before it is idle. */
export function claimedRow(slot: SlotRow, asked: RequestedSession, now: number): SessionRow {
  const { nodeId, image, imageName, buildId, agents, observedOrder, containerId, volume, isolation } = slot;
  const build = buildId === null ? undefined : { id: buildId, agents };
  return {
    ...firstRow({ ...asked, id: slot.id }, { nodeId, image, imageName: imageName ?? undefined, build }, now),
    ...{ observedOrder, containerId, volume, isolation },
    generation: SLOT_GENERATION + 1,
    // A report of the slot that is still on its way is old, not one of another placement.
    placedGeneration: SLOT_GENERATION,
  };
}

/** Returns the changes that end a slot that nobody has claimed, and have its node remove it. */
export function slotEnds({ id, nodeId }: SlotRow, now: number): readonly Mutation[] {
  const removal: Mutation = { kind: 'remove', table: 'slots', id };
  return [removal, put('tombstones', { id, nodeId, upToGeneration: SLOT_GENERATION, createdAt: now })];
}

import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import type { Mutation } from '../../engine/mutation.ts';
import { slotEnds } from '../slot.ts';

/** Ends these slots, unless a session has taken them. Returns how many ended. */
export function endSlots(ids: readonly SessionId[]): Command<number> {
  return {
    name: 'end-slots',
    decide({ view, now }) {
      const slots = ids.flatMap((id) => view.get('slots', id) ?? []);
      return { mutations: slots.flatMap((slot) => slotEnds(slot, now)), events: [], result: slots.length };
    },
  };
}

const SLOTS_AT_ONCE = 100;

/** Ends some slots of a node that is lost or removed. Returns whether there are more; repeat until false. */
export function endSlotsOf(id: NodeId): Command<boolean> {
  return {
    name: 'end-slots-of-node',
    decide({ view }) {
      const node = view.get('nodes', id);
      if (node !== undefined && node.revokedAt === null && node.lostAt === null) return unchanged(false);
      const slots = view.slotsOnAfter(id, '', SLOTS_AT_ONCE);
      // Without tombstones, which would keep the node from being removed: if it returns, it removes slots that no set names.
      const mutations = slots.map(({ id: slot }): Mutation => ({ kind: 'remove', table: 'slots', id: slot }));
      return { mutations, events: [], result: slots.length === SLOTS_AT_ONCE };
    },
  };
}

import { type Command, unchanged } from '../../engine/command.ts';
import type { Mutation } from '../../engine/mutation.ts';

const AT_ONCE = 100;
const DAY_MS = 86_400_000;

/**
 * Forgets nodes that were removed so long ago that no certificate of theirs is valid any more: the
 * row is what refuses a valid one. Keeps those to which sessions still refer. Returns whether there
 * are more; repeat until false.
 */
export function pruneRemovedNodes(certificateLifeMs: number): Command<boolean> {
  return {
    name: 'prune-removed-nodes',
    decide({ view, now, ages }) {
      const ids = view.forgettableNodes(ages.before(certificateLifeMs + DAY_MS), now - DAY_MS, AT_ONCE);
      if (ids.length === 0) return unchanged(false);
      const mutations = ids.map(({ id }): Mutation => ({ kind: 'remove', table: 'nodes', id }));
      return { mutations, events: [], result: ids.length === AT_ONCE };
    },
  };
}

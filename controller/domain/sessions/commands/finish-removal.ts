import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';

/** Deletes the tombstone once the node reports that nothing of the session is left on it. */
export function finishRemoval(nodeId: NodeId, sessionId: SessionId, upToGeneration: number): Command<undefined> {
  return {
    name: 'finish-removal',
    decide({ view }) {
      const tombstone = view.get('tombstones', sessionId);
      if (tombstone === undefined || tombstone.nodeId !== nodeId || tombstone.upToGeneration > upToGeneration) return unchanged(undefined);
      const mutations: Mutation[] = [{ kind: 'remove', table: 'tombstones', id: sessionId }];
      const row = view.get('sessions', sessionId);
      if (row?.desired === 'deleted') mutations.push(put('sessions', { ...row, phase: 'none', containerId: null, volume: null }));
      return { mutations, events: [], result: undefined };
    },
  };
}

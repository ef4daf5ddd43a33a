import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import { forgetSome } from '../../messages/queue.ts';
import type { MessageView } from '../../messages/view.ts';
import type { PortView } from '../../ports/view.ts';
import { NO_SESSION } from '../refusals.ts';
import type { SessionRow } from '../rows.ts';
import type { Changes } from '../session-change.ts';

/**
 * Deletes a session for good. The row stays as history; its messages are deleted, a long
 * conversation through the backlog. The same commit adds the tombstone that lets its node remove
 * container and volume, so the node can be absent.
 */
export function removeSession(id: SessionId, reason: string): Command<Outcome<undefined>> {
  return {
    name: 'remove-session',
    decide({ view, now }) {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return unchanged(NO_SESSION);
      return { ...removalOf(view, row, reason, now), result: accepted(undefined) };
    },
  };
}

/** Returns the changes that delete a session, for a request or a timeout. */
export function removalOf(view: RowView & MessageView & PortView, row: SessionRow, reason: string, now: number): Changes {
  // A removed node never reports that nothing is left.
  const isRemoved = row.nodeId !== null && view.get('nodes', row.nodeId)?.revokedAt != null;
  const after: SessionRow = {
    ...row,
    ...(isRemoved ? { phase: 'none', containerId: null, volume: null } : {}),
    desired: 'deleted',
    generation: row.generation + 1,
    outstanding: 0,
    updatedAt: now,
    terminatedAt: now,
    terminationReason: reason,
  };
  const forgotten = forgetSome(view, row.id, row.lastSeq);
  const mutations: Mutation[] = [put('sessions', after), { kind: 'empty-queue', sessionId: row.id }, ...forgotten.mutations];
  for (const { id } of view.portSharesOf(row.id)) mutations.push({ kind: 'remove', table: 'portShares', id });
  if (view.get('sandboxes', row.id) !== undefined) mutations.push({ kind: 'remove', table: 'sandboxes', id: row.id });
  if (!forgotten.done) mutations.push(put('backlog', { id: row.id, answer: null, createdAt: now }));
  if (row.nodeId !== null && !isRemoved) {
    mutations.push(put('tombstones', { id: row.id, nodeId: row.nodeId, upToGeneration: after.generation, createdAt: now }));
  }
  const space = view.get('spaces', row.spaceId)?.name ?? row.spaceId;
  return { mutations, events: [{ type: 'session.deleted', spaceId: row.spaceId, sessionId: row.id, data: { space, reason } }] };
}

/** Bounds a session's history: the newest messages, within the operator's bounds. */
import type { SessionId } from '../engine/ids.ts';
import type { Mutation } from '../engine/mutation.ts';
import type { HistoryBound } from '../sessions/session-sizes.ts';
import { FORGOTTEN_AT_ONCE } from './queue.ts';
import type { MessageView } from './view.ts';

/**
 * Deletes a session's oldest answered messages as far as `bound` requires once a message of `bytes`
 * is added. Each command deletes a bounded number; the next message deletes more.
 */
export function trimHistory(view: MessageView, sessionId: SessionId, bytes: number, bound: HistoryBound): Mutation[] {
  const kept = view.historyUse(sessionId);
  let messages = kept.messages + 1 - (bound.messages || Number.POSITIVE_INFINITY);
  let excess = kept.bytes + bytes - (bound.bytes || Number.POSITIVE_INFINITY);
  if (messages <= 0 && excess <= 0) return [];
  const mutations: Mutation[] = [];
  for (const oldest of view.oldestSettled(sessionId, FORGOTTEN_AT_ONCE.rows)) {
    if (messages <= 0 && excess <= 0) break;
    messages -= 1;
    excess -= oldest.bytes;
    mutations.push({ kind: 'remove', table: oldest.table, id: oldest.id });
  }
  return mutations;
}

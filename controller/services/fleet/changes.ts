import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import type { QueueRow } from '../../domain/messages/rows.ts';
import type { SessionRow, TombstoneRow } from '../../domain/sessions/rows.ts';
import { sessionOf } from '../../domain/slots/slot.ts';

/** The changes of a commit that nodes need to know. */
export interface Changes {
  readonly revoked: readonly NodeId[];
  /** Current rows of each node's changed sessions, and its tombstones. */
  readonly byNode: ReadonlyMap<
    NodeId,
    { readonly sessions: ReadonlyMap<SessionId, SessionRow>; readonly tombstones: readonly TombstoneRow[] }
  >;
  /** Sessions whose messages were cleared. */
  readonly cleared: ReadonlySet<SessionId>;
  /** Messages cancelled at their guests. */
  readonly cancelled: readonly QueueRow[];
  /** Sessions with a message to deliver. */
  readonly due: ReadonlySet<SessionId>;
}

export function changesIn(mutations: readonly Mutation[]): Changes {
  const revoked: NodeId[] = [];
  const byNode = new Map<NodeId, { sessions: Map<SessionId, SessionRow>; tombstones: TombstoneRow[] }>();
  const cleared = new Set<SessionId>();
  const cancelled: QueueRow[] = [];
  const due = new Set<SessionId>();
  const of = (node: NodeId) => {
    const known = byNode.get(node) ?? { sessions: new Map<SessionId, SessionRow>(), tombstones: [] as TombstoneRow[] };
    byNode.set(node, known);
    return known;
  };
  for (const mutation of mutations) {
    if (mutation.kind === 'empty-queue') cleared.add(mutation.sessionId);
    if (mutation.kind !== 'put') continue;
    if (mutation.table === 'nodes' && mutation.row.revokedAt !== null) revoked.push(mutation.row.id);
    if (mutation.table === 'sessions' && mutation.row.nodeId !== null) of(mutation.row.nodeId).sessions.set(mutation.row.id, mutation.row);
    if (mutation.table === 'slots') of(mutation.row.nodeId).sessions.set(mutation.row.id, sessionOf(mutation.row));
    if (mutation.table === 'tombstones') of(mutation.row.nodeId).tombstones.push(mutation.row);
    if (mutation.table !== 'queue' || mutation.row.agent === null) continue;
    if (mutation.row.cancelGraceMs !== null) cancelled.push(mutation.row);
    if (mutation.row.acceptedAt === null) due.add(mutation.row.sessionId);
  }
  return { revoked, byNode, cleared, cancelled, due };
}

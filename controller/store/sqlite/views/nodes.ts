import type { NodeView } from '../../../domain/nodes/view.ts';
import type { Reads } from './reads.ts';

/** As in its index. */
const OPEN = 'revoked_at is null and used < uses and expires_at > ?';

export const nodeView = ({ all, one, row, rows }: Reads): NodeView => ({
  nodeByName: (name) => one('nodes', 'where name = ? and revoked_at is null', name),
  nodeByKey: (keyHash) => one('nodes', 'where key_hash = ? and revoked_at is null', keyHash),
  nodes: () => all('nodes', 'where revoked_at is null order by joined_at, id'),
  openNodeTokens: (now) => all('nodeTokens', `where ${OPEN} order by created_at, id`, now),
  countOpenNodeTokens: (now) => row<{ count: number }>(`select count(*) as count from node_tokens where ${OPEN}`, now)?.count ?? 0,
  forgettableNodes: (removedBefore, expiredBefore, limit) =>
    rows(
      `select id from nodes where revoked_at < ? and coalesce(json_extract(certificate, '$.expiresAt'), 0) < ?
       and not exists (select 1 from sessions where node_id = nodes.id and desired <> 'deleted')
       and not exists (select 1 from tombstones where node_id = nodes.id) order by id limit +?`,
      removedBefore,
      expiredBefore,
      limit,
    ),
  removedNodes: () => rows('select id from nodes where revoked_at is not null order by id'),
});

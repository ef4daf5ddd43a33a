import type { NodeView } from '../../../domain/nodes/view.ts';
import type { Reads } from './reads.ts';

export const nodeView = ({ all, one, rows }: Reads): NodeView => ({
  nodeByName: (name) => one('nodes', 'where name = ? and revoked_at is null', name),
  nodeByKey: (keyHash) => one('nodes', 'where key_hash = ? and revoked_at is null', keyHash),
  nodes: () => all('nodes', 'where revoked_at is null order by joined_at, id'),
  removedNodes: () => rows('select id from nodes where revoked_at is not null order by id'),
});

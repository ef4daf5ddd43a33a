import type { NodeView } from '../../../domain/nodes/view.ts';
import type { Reads } from './reads.ts';

export const nodeView = ({ all, one }: Reads): NodeView => ({
  nodeByName: (name) => one('nodes', 'where name = ?', name),
  nodes: () => all('nodes', 'order by joined_at, id'),
});

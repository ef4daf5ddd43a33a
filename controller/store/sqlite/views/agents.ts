import type { AgentView } from '../../../domain/agents/view.ts';
import type { Reads } from './reads.ts';

export const agentView = ({ all, one }: Reads): AgentView => ({
  agentByName: (spaceId, name) => one('agents', 'where space_id = ? and name = ?', spaceId, name),
  agentsIn: (spaceId) => all('agents', 'where space_id = ? order by created_at, id', spaceId),
});

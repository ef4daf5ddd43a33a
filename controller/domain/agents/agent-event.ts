import type { AgentObject } from '../../contract/agents.ts';
import type { NewEvent } from '../events/events.ts';
import type { AgentRow } from './rows.ts';

/** Events about a created or changed agent. */
export const agentChanged = (row: AgentRow, agent: AgentObject): NewEvent => ({
  type: 'agent.changed',
  spaceId: row.spaceId,
  sessionId: null,
  data: { space: agent.space, agent },
});

import type { NewEvent } from '../events.ts';
import type { AgentObject } from '../objects.ts';
import type { AgentRow } from '../rows.ts';

/** That an agent was made, or is another now. */
export const agentChanged = (row: AgentRow, agent: AgentObject): NewEvent => ({
  type: 'agent.changed',
  spaceId: row.spaceId,
  sessionId: null,
  data: { space: agent.space, agent },
});

import type { SpaceId } from '../engine/ids.ts';
import type { AgentRow } from './rows.ts';

export interface AgentView {
  agentByName(spaceId: SpaceId, name: string): AgentRow | undefined;
  agentsIn(spaceId: SpaceId): readonly AgentRow[];
}

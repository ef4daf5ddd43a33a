import type { AgentRow } from '../../domain/agents/rows.ts';
import type { AccountId, SessionId } from '../../domain/engine/ids.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';

/** Selects the newest `limit` lines of one session, or of all sessions in the space. */
export interface LogRequest {
  readonly limit: number;
  readonly stream: 'stdout' | 'stderr' | 'all';
  readonly session?: SessionId;
}

/** Lines that a caller can see. Call `scope` again to check that it still can. */
export interface LogScope extends LogRequest {
  /** The caller. */
  readonly accountId: AccountId;
  readonly agent: AgentRow;
  readonly spaceName: string;
}

export const isUp = ({ desired, phase }: SessionRow): boolean => desired === 'running' && phase === 'running';

/** Returns whether the row is a session of the agent's space that contains the agent. */
export const holds = (row: SessionRow | undefined, { agent }: Pick<LogScope, 'agent'>): row is SessionRow =>
  row !== undefined && row.desired !== 'deleted' && row.spaceId === agent.spaceId && row.agents.some(({ id }) => id === agent.id);

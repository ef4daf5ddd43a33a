import type { AgentLogsObject, SpaceLogsObject } from '../../contract/logs.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { LogNews } from '../../domain/events/events.ts';
import type { LogsRead } from './log-reader.ts';
import type { LogScope } from './log-scope.ts';

export const agentLogs = ({ agent, space }: LogScope, { lines, unread }: LogsRead): AgentLogsObject => ({
  agent_name: agent?.name ?? '',
  space: space.name,
  logs: lines.map(lineObject),
  unread_sessions: unread,
});

export const spaceLogs = ({ space }: LogScope, { lines, unread }: LogsRead): SpaceLogsObject => ({
  space: space.name,
  logs: lines.map((line) => ({ ...lineObject(line), agent: line.agent })),
  unread_sessions: unread,
});

const lineObject = ({ sessionId, runId, stream, line, at }: LogNews) => ({
  ...{ session_id: sessionId, run_id: runId, stream, line },
  timestamp: rfc3339(at),
});

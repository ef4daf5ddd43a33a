import { z } from 'zod';
import { type Infer, time, uuid } from './fields.ts';
import { flagParameter, parameter, timeParameter, wholeParameter, wordParameter } from './parameters.ts';

const MAX_LINES = 10_000;
export const DEFAULT_LINES = 100;

const number = (description: string) => wholeParameter(1, MAX_LINES, description);

export const logQuery = z.object({
  limit: number(`Maximum number of lines to return; older lines are left out. Default ${DEFAULT_LINES}`),
  lines: number('Same as `limit`'),
  log_type: wordParameter(['stdout', 'stderr', 'all'], 'Returns only lines of this stream'),
  session_id: parameter('Returns only lines of this session'),
  run_id: parameter('Returns only lines of this run'),
  since: timeParameter('Returns only lines printed from this time on'),
  until: timeParameter('Returns only lines printed up to this time; not with `follow`'),
  follow: flagParameter(
    'Keeps the response open and streams new lines as server-sent events of type `log`. `dropped` counts the lines missing before one; an event of type `dropped` does so where no line follows',
  ),
});
export type LogQuery = Infer<typeof logQuery>;

export const spaceLogQuery = logQuery.extend({ agent: parameter('Returns only lines of the agent with this name') });

const line = {
  session_id: uuid(),
  run_id: z.string(),
  stream: z.enum(['stdout', 'stderr']),
  line: z.string(),
  timestamp: time(),
};
const unread = () => z.int().min(0).describe('Number of running sessions that could not be read in time');

export const agentLogsObject = z
  .strictObject({
    agent_name: z.string(),
    space: z.string(),
    logs: z.array(z.strictObject(line)).describe('Oldest first'),
    unread_sessions: unread(),
  })
  .meta({ id: 'AgentLogs' });
export type AgentLogsObject = Infer<typeof agentLogsObject>;

export const spaceLogsObject = z
  .strictObject({
    space: z.string(),
    logs: z.array(z.strictObject({ ...line, agent: z.string() })).describe('Oldest first'),
    unread_sessions: unread(),
  })
  .meta({ id: 'SpaceLogs' });
export type SpaceLogsObject = Infer<typeof spaceLogsObject>;

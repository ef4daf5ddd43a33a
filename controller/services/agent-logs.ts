import type { LogLine__Output } from '../../proto/generated/raworc/v0/LogLine.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { LogNews } from '../domain/events.ts';
import { restState } from '../domain/life-cycle.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import type { SessionRow } from '../domain/rows.ts';
import { rfc3339 } from '../domain/time.ts';
import type { View } from '../domain/view.ts';
import { agentFor } from './agents.ts';
import type { AgentLogs, LogScope } from './api.ts';
import type { Fleet } from './fleet/fleet.ts';
import { saidLine } from './fleet/said.ts';
import type { Lists } from './lists.ts';
import type { Tail } from './tail.ts';

/** For all guests together. */
const READ_WITHIN_MS = 5_000;
/** Of a space's sessions that are up, those that were made last are looked through, and of them the most lately active ones read. */
const SESSIONS_LOOKED_THROUGH = 1000;
const SESSIONS_READ = 64;
/** Each may answer with a mebibyte. */
const READ_AT_ONCE = 8;
const MOST_READS = 8;
/** Lines that are printed while the older ones are read. */
const MOST_EARLY = 1000;

export interface AgentLogNeeds {
  readonly view: View;
  readonly lists: Lists;
  readonly fleet: Pick<Fleet, 'readLines'>;
  readonly tail: Tail;
  readonly clock: Clock;
  readonly log: Log;
}

interface Read {
  /** Oldest first. */
  readonly lines: readonly LogNews[];
  readonly unread: number;
}

const UP = { desired: 'running', phase: 'running' } as const;
const isUp = ({ desired, phase }: SessionRow): boolean => desired === UP.desired && phase === UP.phase;
const holds = (row: SessionRow | undefined, { agent }: LogScope): row is SessionRow =>
  row !== undefined && row.desired !== 'deleted' && row.spaceId === agent.spaceId && row.agents.some(({ id }) => id === agent.id);

export function agentLogService({ view, lists, fleet, tail, clock, log }: AgentLogNeeds): AgentLogs {
  let reads = 0;

  async function sessionsOf(scope: LogScope): Promise<readonly SessionRow[]> {
    if (scope.session !== undefined) {
      const row = view.get('sessions', scope.session);
      return holds(row, scope) && isUp(row) ? [row] : [];
    }
    const query = { visible: 'all', spaceId: scope.agent.spaceId, states: [UP] } as const;
    const found = await lists.sessions(query, { limit: SESSIONS_LOOKED_THROUGH, offset: 0 });
    const rows = found.items.map(({ id }) => view.get('sessions', id));
    return rows.filter((row) => holds(row, scope)).sort((a, b) => (b.lastActivityAt ?? 0) - (a.lastActivityAt ?? 0));
  }

  async function readOne(row: SessionRow, scope: LogScope, signal: AbortSignal): Promise<LogNews[] | undefined> {
    const { agent, stream, limit } = scope;
    const lines = await fleet.readLines(row, { agent: agent.name, stream, limit }, signal);
    return lines?.slice(-limit).map((line: LogLine__Output) => saidLine(row.spaceId, { ...line, sessionId: row.id, agent: agent.name }));
  }

  async function readAll(scope: LogScope): Promise<Read> {
    const rows = await sessionsOf(scope);
    const ending = new AbortController();
    const timer = clock.after(READ_WITHIN_MS, () => ending.abort());
    let lines: readonly LogNews[] = [];
    let unread = Math.max(0, rows.length - SESSIONS_READ);
    try {
      for (let at = 0; at < Math.min(rows.length, SESSIONS_READ); at += READ_AT_ONCE) {
        const some = rows.slice(at, Math.min(at + READ_AT_ONCE, SESSIONS_READ));
        const read = await Promise.all(some.map((row) => readOne(row, scope, ending.signal)));
        unread += read.filter((one) => one === undefined).length;
        lines = [...lines, ...read.flatMap((one) => one ?? [])].sort((a, b) => a.at - b.at).slice(-scope.limit);
      }
    } finally {
      timer.cancel();
    }
    return { lines, unread };
  }

  return {
    scope(caller, spaceName, name, request) {
      const found = agentFor(view, caller, spaceName, name, 'logs');
      if (!found.ok) return found;
      const scope = { ...request, agent: found.value.row, spaceName: found.value.space.name };
      if (request.session === undefined || holds(view.get('sessions', request.session), scope)) return accepted(scope);
      return refused('NOT_FOUND', `There is no such session in this space that was made with the agent "${name}".`);
    },
    async read(scope) {
      const resting = rests(view, scope);
      if (resting !== undefined) return resting;
      if (reads >= MOST_READS)
        return refused('RATE_LIMITED', `${MOST_READS} logs are being read: try again in a moment.`, { retry_after_s: 1 });
      reads += 1;
      try {
        const { lines, unread } = await readAll(scope);
        if (scope.session !== undefined && unread > 0) {
          return rests(view, scope) ?? refused('UNAVAILABLE', 'The session does not answer: try again in a moment.');
        }
        const logs = lines.map(({ sessionId, runId, stream, line, at }) => ({
          ...{ session_id: sessionId, run_id: runId, stream, line },
          timestamp: rfc3339(at),
        }));
        return accepted({ agent_name: scope.agent.name, space: scope.spaceName, logs, unread_sessions: unread });
      } finally {
        reads -= 1;
      }
    },
    follow(scope, watcher) {
      const { agent, stream, session } = scope;
      const known = new Map<string, boolean>();
      const isMine = (line: LogNews) => {
        if (line.agent !== agent.name || (stream !== 'all' && line.stream !== stream)) return false;
        const mine = known.get(line.sessionId) ?? holds(view.get('sessions', line.sessionId), scope);
        known.set(line.sessionId, mine);
        return mine;
      };
      let early: LogNews[] | undefined = [];
      const watching = tail.watch(session === undefined ? { spaces: new Set([agent.spaceId]) } : { session }, undefined, {
        log(line) {
          if (!isMine(line)) return true;
          if (early === undefined) return watcher.log(line);
          if (early.length < MOST_EARLY) early.push(line);
          return true;
        },
        event: () => true,
        delta: () => true,
        reset: () => true,
        end: () => watcher.end(),
      });
      readAll(scope)
        .catch((error: unknown): Read => {
          log.warn('logs.unread', { agent: agent.id, error: error instanceof Error ? error.message : String(error) });
          return { lines: [], unread: 0 };
        })
        .then(({ lines }) => {
          const seen = new Set(lines.map(key));
          const all = [...lines, ...(early ?? []).filter((line) => !seen.has(key(line)))];
          early = undefined;
          if (!all.every((line) => watcher.log(line))) watching.close();
        })
        .catch(() => watching.close());
      return watching;
    },
  };
}

/** What a line that was read and heard has in common. */
const key = ({ sessionId, runId, stream, at, line }: LogNews): string => `${sessionId} ${runId} ${stream} ${at} ${line}`;

function rests(view: View, { session }: LogScope): Outcome<never> | undefined {
  const row = session === undefined ? undefined : view.get('sessions', session);
  if (row === undefined || isUp(row)) return undefined;
  return refused(
    'CONFLICT',
    `The session is in state ${restState(row)}: its logs are on its volume, and can be read when it is idle or busy.`,
  );
}

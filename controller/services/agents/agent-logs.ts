/** Reads and follows the log lines of agents. */
import type { LogLine__Output } from '../../../proto/generated/raworc/v0/LogLine.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { AgentLogsObject } from '../../contract/agents.ts';
import type { AgentRow } from '../../domain/agents/rows.ts';
import type { AccountId, SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import type { LogNews } from '../../domain/events/events.ts';
import { restState } from '../../domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Budgets } from '../budget/budgets.ts';
import { type TurnKey, Turns } from '../budget/turns.ts';
import type { Caller } from '../engine/caller.ts';
import type { Lists } from '../engine/lists.ts';
import type { Tail } from '../events/tail.ts';
import type { EventWatcher, Watching } from '../events/watching.ts';
import { decodeLine } from '../fleet/decode.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { agentFor } from './agent-service.ts';

const READ_WITHIN_MS = 5_000;
/** How long a read waits for a place. A caller with all its places in use is refused at once. */
const WAIT_MS = 5_000;
/** Reads the most recently active running sessions of a space. */
const SESSIONS_READ = 64;
/** Each answer can have a mebibyte. */
const READ_AT_ONCE = 8;
/** Lines that arrive while older ones are read. */
const MAX_EARLY = 1000;
const MAX_EARLY_CHARACTERS = 1024 * 1024;
/** Sessions for which a follower remembers whether they use the agent. */
const MAX_REMEMBERED = 1000;

export type AgentLogs = ReturnType<typeof agentLogService>;

/** Selects lines: the newest `limit`, of one session or of all sessions in the space. */
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

export interface AgentLogDeps {
  readonly view: View;
  readonly lists: Lists;
  readonly fleet: Pick<Fleet, 'readLines'>;
  readonly tail: Tail;
  readonly clock: Clock;
  readonly log: Log;
  readonly budgets: Pick<Budgets, 'limits'>;
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

export function agentLogService({ view, lists, fleet, tail, clock, log, budgets }: AgentLogDeps) {
  const { process, account = process, space = process } = budgets.limits.atOnce.log_reads;
  // Per account and space, so that neither keeps others from reading.
  const turns = new Turns(process);
  const keysOf = ({ accountId, agent: { spaceId } }: LogScope): readonly TurnKey[] => [
    { key: `account ${accountId}`, most: account },
    { key: `space ${spaceId}`, most: space },
  ];

  /** Returns the sessions to read, and how many more there are. */
  async function sessionsOf(scope: LogScope): Promise<{ readonly rows: readonly SessionRow[]; readonly more: number }> {
    const { agent, session } = scope;
    const { ids, total } =
      session === undefined ? await lists.sessionsWithAgent(agent.spaceId, agent.id, SESSIONS_READ) : { ids: [session], total: 1 };
    const rows = ids
      .map((id) => view.get('sessions', id))
      .filter((row) => holds(row, scope))
      .filter(isUp);
    return { rows, more: total - ids.length };
  }

  async function readOne(row: SessionRow, scope: LogScope, signal: AbortSignal): Promise<LogNews[] | undefined> {
    const { agent, stream, limit } = scope;
    const lines = await fleet.readLines(row, { agent: agent.name, stream, limit }, signal);
    return lines?.slice(-limit).map((line: LogLine__Output) => decodeLine(row.spaceId, { ...line, sessionId: row.id, agent: agent.name }));
  }

  async function readAll(scope: LogScope): Promise<Read> {
    const { rows, more } = await sessionsOf(scope);
    const ending = new AbortController();
    const timer = clock.after(READ_WITHIN_MS, () => ending.abort());
    let lines: readonly LogNews[] = [];
    let unread = more;
    try {
      for (let at = 0; at < rows.length; at += READ_AT_ONCE) {
        const some = rows.slice(at, at + READ_AT_ONCE);
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
    /**
     * Returns what the caller can read; 404 for a session of another space or without this agent.
     */
    scope(caller: Caller, spaceName: string, name: string, request: LogRequest): Outcome<LogScope> {
      const found = agentFor(view, caller, spaceName, name, 'logs');
      if (!found.ok) return found;
      const scope = { ...request, accountId: caller.accountId, agent: found.value.row, spaceName: found.value.space.name };
      if (request.session === undefined || holds(view.get('sessions', request.session), scope)) return accepted(scope);
      return refused('NOT_FOUND', `This space has no such session with the agent "${name}".`);
    },
    /**
     * Reads lines from the volumes of running sessions. 409 if the session is paused or suspended,
     * 503 if it does not respond.
     */
    async read(scope: LogScope): Promise<Outcome<AgentLogsObject>> {
      const resting = rests(view, scope);
      if (resting !== undefined) return resting;
      const keys = keysOf(scope);
      const patience = new AbortController();
      const timer = clock.after(WAIT_MS, () => patience.abort());
      const endTurn = turns.hasPlace(keys) ? await turns.wait(keys, patience.signal) : undefined;
      timer.cancel();
      if (endTurn === undefined) {
        const details = { budget: 'log_reads', retry_after_s: 1 };
        return refused('RATE_LIMITED', 'Too many logs are being read. Retry in a moment.', details);
      }
      try {
        const { lines, unread } = await readAll(scope);
        if (scope.session !== undefined && unread > 0) {
          return rests(view, scope) ?? refused('UNAVAILABLE', 'The session does not respond. Retry in a moment.');
        }
        const logs = lines.map(({ sessionId, runId, stream, line, at }) => ({
          ...{ session_id: sessionId, run_id: runId, stream, line },
          timestamp: rfc3339(at),
        }));
        return accepted({ agent_name: scope.agent.name, space: scope.spaceName, logs, unread_sessions: unread });
      } finally {
        endTurn();
      }
    },
    /**
     * Calls the watcher with the newest lines, then with each new one, until closed. Lines can get
     * lost on the way, or while the watcher is full.
     */
    follow(scope: LogScope, watcher: Pick<EventWatcher, 'log' | 'end'>): Watching {
      const { agent, stream, session } = scope;
      const isMine = linesOf(view, scope);
      const over = new AbortController();
      const early = new EarlyLines();
      /** Earlier lines to show first; undefined once shown. */
      let backlog: LogNews[] | undefined;
      let isRead = false;
      const watching = tail.watch(session === undefined ? { spaces: new Set([agent.spaceId]) } : { session }, undefined, {
        log(line) {
          if (line.agent !== agent.name || (stream !== 'all' && line.stream !== stream) || !isMine(line)) return 'more';
          if (isRead && backlog === undefined) return watcher.log(line);
          early.add(line);
          return 'more';
        },
        event: () => 'more',
        delta: () => 'more',
        reset: () => 'more',
        end: () => watcher.end(),
      });

      function showBacklog(): void {
        while (backlog !== undefined) {
          const line = backlog[0] ?? early.take();
          if (line === undefined) {
            backlog = undefined;
            return;
          }
          const taken = watcher.log(line);
          if (taken === 'over') watching.close();
          if (taken !== 'more') {
            if (backlog.length === 0) backlog.push(line);
            return;
          }
          backlog.shift();
        }
      }

      async function readInTurn(): Promise<void> {
        const endTurn = await turns.wait(keysOf(scope), over.signal);
        if (endTurn === undefined) return;
        try {
          const { lines } = await readAll(scope);
          const seen = new Set(lines.map(key));
          early.forget((line) => seen.has(key(line)));
          backlog = [...lines];
        } catch (error) {
          log.warn('logs.unread', { agent: agent.id, error: error instanceof Error ? error.message : String(error) });
          backlog = [];
        } finally {
          endTurn();
        }
        isRead = true;
        if (!over.signal.aborted) showBacklog();
      }

      void readInTurn();
      return {
        resume: showBacklog,
        close() {
          over.abort();
          watching.close();
        },
      };
    },
  };
}

/** The first lines that arrive while older ones are read and shown. */
class EarlyLines {
  #lines: LogNews[] = [];
  #characters = 0;

  add(line: LogNews): void {
    if (this.#lines.length >= MAX_EARLY || this.#characters >= MAX_EARLY_CHARACTERS) return;
    this.#lines.push(line);
    this.#characters += line.line.length;
  }

  take(): LogNews | undefined {
    const line = this.#lines.shift();
    this.#characters -= line?.line.length ?? 0;
    return line;
  }

  forget(isKnown: (line: LogNews) => boolean): void {
    this.#lines = this.#lines.filter((line) => !isKnown(line));
    this.#characters = this.#lines.reduce((sum, { line }) => sum + line.length, 0);
  }
}

/** Returns whether a line belongs to a session with the agent. */
function linesOf(view: View, scope: LogScope): (line: LogNews) => boolean {
  const known = new Map<SessionId, boolean>();
  return ({ sessionId }) => {
    const mine = known.get(sessionId) ?? holds(view.get('sessions', sessionId), scope);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(sessionId, mine);
    return mine;
  };
}

/** Identifies a line that was both read and received live. */
const key = ({ sessionId, runId, stream, at, line }: LogNews): string => `${sessionId} ${runId} ${stream} ${at} ${line}`;

function rests(view: View, { session }: LogScope): Outcome<never> | undefined {
  const row = session === undefined ? undefined : view.get('sessions', session);
  if (row === undefined || isUp(row)) return undefined;
  return refused('CONFLICT', `The session is in state ${restState(row)}: resume it to read the logs on its volume.`);
}

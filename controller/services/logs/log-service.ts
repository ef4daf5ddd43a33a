import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { LOGS, LogDecoder, type StreamedLine } from '../../../proto/streams/log-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import { type Clock, pause } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { AgentLogsObject } from '../../contract/agents.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import type { LogNews } from '../../domain/events/events.ts';
import { restState } from '../../domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Caller } from '../access/caller.ts';
import { agentFor } from '../agents/agent-service.ts';
import type { Budgets } from '../budget/budgets.ts';
import { type TurnKey, Turns } from '../budget/turns.ts';
import type { Lists } from '../engine/lists.ts';
import type { LineWatcher, Watching } from '../events/watching.ts';
import type { ByteStreams } from '../streams/byte-streams.ts';
import type { LogFeeds } from './log-feeds.ts';
import { holds, isUp, type LogRequest, type LogScope } from './log-scope.ts';

/** Time limit for all guests together. */
const READ_TIMEOUT_MS = 5_000;
/** How long a read waits for a place. A caller with all its places in use is refused at once. */
const WAIT_MS = 5_000;
/** Maximum number of sessions read: the most recently active running ones of a space. */
const SESSIONS_READ = 64;
/** Maximum number of concurrent reads, since each answer can have 1 MiB. */
const READ_AT_ONCE = 8;
/** Bound of one session's answer, in transit and in memory. */
const READ_WINDOW_BYTES = 256 * 1024;
const MAX_READ_BYTES = 4 * 1024 * 1024;
/** Maximum number of lines that arrive while older ones are read. */
const MAX_EARLY = 1000;
const MAX_EARLY_CHARACTERS = 1024 * 1024;

export type AgentLogs = ReturnType<typeof agentLogService>;

export interface AgentLogDeps {
  readonly view: View;
  readonly lists: Lists;
  readonly streams: Pick<ByteStreams, 'start'>;
  readonly feeds: Pick<LogFeeds, 'watch' | 'ready'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly budgets: Pick<Budgets, 'limits'>;
}

interface Read {
  /** Oldest first. */
  readonly lines: readonly LogNews[];
  readonly unread: number;
}

/** Reads and follows the log lines of agents. */
export function agentLogService({ view, lists, streams, feeds, clock, log, budgets }: AgentLogDeps) {
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
    const parameters = { agent: agent.name, stream, limit, sinceMs: 0, follow: false };
    const opened = await streams.start(row, { kind: LOGS, parameters, window: READ_WINDOW_BYTES }, signal);
    const lines = opened.ok ? await linesIn(opened.value, signal) : undefined;
    const about = { spaceId: row.spaceId, sessionId: row.id, agent: agent.name };
    return lines?.slice(-limit).map(({ atMs, ...line }) => ({ ...about, ...line, at: atMs }));
  }

  /** Resolves when the work does, or after a time limit. */
  async function inTime(work: Promise<void>, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const waited = pause(clock, READ_TIMEOUT_MS, AbortSignal.any([signal, enough.signal]));
    await Promise.race([work, waited]).finally(() => enough.abort());
  }

  async function readAll(scope: LogScope): Promise<Read> {
    const { rows, more } = await sessionsOf(scope);
    const ending = new AbortController();
    const timer = clock.after(READ_TIMEOUT_MS, () => ending.abort());
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
    follow(scope: LogScope, watcher: LineWatcher): Watching {
      const { agent, stream } = scope;
      const over = new AbortController();
      const early = new EarlyLines();
      /** Earlier lines to show first; undefined once shown. */
      let backlog: LogNews[] | undefined;
      let isRead = false;
      const watching = feeds.watch(scope, {
        log(line) {
          if (stream !== 'all' && line.stream !== stream) return 'more';
          if (isRead && backlog === undefined) return watcher.log(line);
          early.add(line);
          return 'more';
        },
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
          // Subscribe before reading older lines, so that none is lost in between.
          await inTime(feeds.ready(scope), over.signal);
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

/** Undefined if the answer was incomplete or late. */
async function linesIn(stream: ByteStream, signal: AbortSignal): Promise<readonly StreamedLine[] | undefined> {
  const abort = () => void stream.destroy();
  signal.addEventListener('abort', abort);
  const decoder = new LogDecoder();
  const lines: StreamedLine[] = [];
  let bytes = 0;
  try {
    stream.end();
    for await (const piece of stream) {
      bytes += piece.byteLength;
      if (bytes > MAX_READ_BYTES) return undefined;
      for (const line of decoder.decode(piece)) if (line !== 'live') lines.push(line);
    }
    return signal.aborted ? undefined : lines;
  } catch (error) {
    if (error instanceof StreamError || signal.aborted) return undefined;
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Collects the first lines that arrive while older ones are read and shown. */
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

/** Identifies a line that was both read and received live. */
const key = ({ sessionId, runId, stream, at, line }: LogNews): string => `${sessionId} ${runId} ${stream} ${at} ${line}`;

function rests(view: View, { session }: LogScope): Outcome<never> | undefined {
  const row = session === undefined ? undefined : view.get('sessions', session);
  if (row === undefined || isUp(row)) return undefined;
  return refused('CONFLICT', `The session is in state ${restState(row)}: resume it to read the logs on its volume.`);
}

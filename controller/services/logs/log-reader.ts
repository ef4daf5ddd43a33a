import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { LOGS, LogDecoder, type StreamedLine } from '../../../proto/streams/log-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { View } from '../../domain/engine/view.ts';
import type { LogNews } from '../../domain/events/events.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Lists } from '../engine/lists.ts';
import type { ByteStreams } from '../streams/byte-streams.ts';
import { agentsOf, isUp, isWanted, type LogScope } from './log-scope.ts';
import { NewestLines } from './newest-lines.ts';

/** Time limit for all guests together. */
export const READ_TIMEOUT_MS = 5_000;
/** Maximum number of sessions read: the most recently active running ones. */
const SESSIONS_READ = 512;
/** Maximum number of concurrent reads of one request. */
const READ_AT_ONCE = 8;
/** Bound of one session's answer, in transit and in memory. */
const READ_WINDOW_BYTES = 256 * 1024;
const MAX_READ_BYTES = 4 * 1024 * 1024;

export interface LogReaderDeps {
  readonly view: View;
  readonly lists: Pick<Lists, 'sessionsWithLogs'>;
  readonly streams: Pick<ByteStreams, 'start'>;
  readonly clock: Clock;
}

export interface LogsRead {
  /** Oldest first. */
  readonly lines: readonly LogNews[];
  /** Running sessions that were not read. */
  readonly unread: number;
}

export type ReadLogs = (scope: LogScope) => Promise<LogsRead>;

/** Reads the newest stored lines of a scope from the volumes of running sessions. */
export function logReader({ view, lists, streams, clock }: LogReaderDeps): ReadLogs {
  /** Returns the sessions to read, and how many more there are. */
  async function sessionsOf(scope: LogScope): Promise<{ readonly rows: readonly SessionRow[]; readonly more: number }> {
    const { session } = scope;
    const { ids, total } = session === undefined ? await lists.sessionsWithLogs(scope, SESSIONS_READ) : { ids: [session], total: 1 };
    const rows = ids.flatMap((id) => view.get('sessions', id) ?? []).filter((row) => isUp(row) && agentsOf(row, scope).length > 0);
    return { rows, more: total - ids.length };
  }

  /** Undefined if the session did not answer in time. */
  async function readOne(row: SessionRow, scope: LogScope, sinceMs: number, signal: AbortSignal): Promise<LogNews[] | undefined> {
    const agents = agentsOf(row, scope);
    const { stream, limit, run, untilMs } = scope;
    const parameters = { agent: agents[0], agents, stream, limit, sinceMs, run, untilMs, follow: false };
    const opened = await streams.start(row, { kind: LOGS, parameters, window: READ_WINDOW_BYTES }, signal);
    const lines = opened.ok ? await linesIn(opened.value, signal) : undefined;
    // Guests of an earlier version know one agent, and no run.
    return lines
      ?.map(({ atMs, agent = agents[0] ?? '', ...line }) => ({ spaceId: row.spaceId, sessionId: row.id, agent, ...line, at: atMs }))
      .filter((line) => agents.includes(line.agent) && isWanted(line, scope))
      .slice(-limit);
  }

  return async (scope) => {
    const { rows, more } = await sessionsOf(scope);
    const ending = new AbortController();
    const timer = clock.after(READ_TIMEOUT_MS, () => ending.abort());
    const newest = new NewestLines(scope.limit);
    let unread = more;
    try {
      const left = rows.values();
      const readInTurn = async () => {
        for (const row of left) {
          const read = await readOne(row, scope, Math.max(scope.sinceMs ?? 0, newest.sinceMs), ending.signal);
          if (read === undefined) unread += 1;
          else newest.add(read);
        }
      };
      await Promise.all(Array.from({ length: READ_AT_ONCE }, readInTurn));
    } finally {
      timer.cancel();
    }
    return { lines: newest.lines, unread };
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

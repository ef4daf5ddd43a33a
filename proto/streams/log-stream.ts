/** The content of a stream of kind `logs`: lines of JSON, oldest first. */
import { isPlainName } from '../../seams/terminal-text.ts';
import { jsonIn, LineDecoder } from './json-lines.ts';
import { StreamError } from './reasons.ts';

export const LOGS = 'logs';
/** Of one stream. */
export const MAX_LOG_AGENTS = 256;

export interface LogRequest {
  /** At least one, at most {@link MAX_LOG_AGENTS}. Earlier guests read only `agent`. */
  readonly agents: readonly string[];
  readonly stream: 'stdout' | 'stderr' | 'all';
  /** Maximum number of existing lines; the newest are sent. */
  readonly limit: number;
  /** Skips lines printed earlier, in Unix milliseconds of the session's host. 0: skips none. */
  readonly sinceMs: number;
  /** Skips existing lines printed later. */
  readonly untilMs: number;
  /** Skips existing lines of other runs. */
  readonly run: string | undefined;
  /** Continues with new lines, without a gap or a duplicate after the existing ones. */
  readonly follow: boolean;
}

export interface StreamedLine {
  /** Undefined from guests that read one agent only: that agent. */
  readonly agent?: string;
  readonly runId: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
  /** Unix milliseconds. */
  readonly atMs: number;
  /** Number of lines dropped before this one because the reader was slow, or away for too long. */
  readonly dropped: number;
}

/** `live` stands between the existing lines and the new ones. */
export type Logged = StreamedLine | 'live';

const MAX_LIMIT = 10_000;
/** Maximum length of one line as JSON. */
const MAX_LINE_CHARACTERS = 64 * 1024;
const LIVE = '"live"\n';

export const encodeLogged = (logged: Logged): string =>
  logged === 'live' ? LIVE : `${JSON.stringify([logged.runId, logged.stream, logged.atMs, logged.line, logged.dropped, logged.agent])}\n`;

/** Returns the request in a stream's parameters. Throws {@link StreamError} if it is invalid. */
export function logRequest(parameters: unknown): LogRequest {
  const sent: Readonly<Record<string, unknown>> = { ...(parameters as object) };
  const { agent, agents = [agent], stream, limit, follow, sinceMs, untilMs, run } = sent;
  const isKnown = stream === 'stdout' || stream === 'stderr' || stream === 'all';
  if (!areNames(agents) || !isKnown) throw new StreamError('failed', 'The parameters of the log stream are invalid.');
  return {
    agents: [...new Set(agents)],
    stream,
    limit: Math.max(0, Math.min(Number(limit) || 0, MAX_LIMIT)),
    sinceMs: Number(sinceMs) || 0,
    untilMs: typeof untilMs === 'number' ? untilMs : Number.POSITIVE_INFINITY,
    run: typeof run === 'string' ? run : undefined,
    follow: follow === true,
  };
}

const areNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.length <= MAX_LOG_AGENTS && value.every(isName);

const isName = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && value.length <= 128 && isPlainName(value) && !value.includes('/');

/** Decodes lines from bytes as they arrive. Throws a {@link StreamError} for an invalid line. */
export class LogDecoder extends LineDecoder<Logged> {
  constructor() {
    super(loggedIn, MAX_LINE_CHARACTERS, () => new StreamError('protocol', 'The session sent a log line that is too long.'));
  }
}

function loggedIn(text: string): Logged {
  const malformed = () => new StreamError('protocol', 'The session sent an invalid log line.');
  if (text.length > MAX_LINE_CHARACTERS) throw malformed();
  const value = jsonIn(text, malformed);
  if (value === 'live') return 'live';
  if (!Array.isArray(value)) throw malformed();
  const [runId, stream, atMs, line, dropped, agent]: unknown[] = value;
  const isLine =
    typeof runId === 'string' &&
    runId.length <= 128 &&
    (stream === 'stdout' || stream === 'stderr') &&
    isCount(atMs) &&
    typeof line === 'string' &&
    isCount(dropped);
  if (!isLine || !(agent === undefined || agent === null || isName(agent))) throw malformed();
  return { runId, stream, atMs, line, dropped, ...(typeof agent === 'string' ? { agent } : {}) };
}

const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;

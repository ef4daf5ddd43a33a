/**
 * The content of a build's log stream, from node to controller: lines of JSON. The first one names the
 * attempt: a node that starts the build again starts its log again, and one that reconnects sends the
 * log of the same attempt once more from its beginning. The controller ends its direction when it has
 * stored everything.
 */
import { BUILD_STAGES, type BuildStage, isBuildStage } from '../build-stages.ts';
import { jsonIn, LineDecoder } from './json-lines.ts';
import { StreamError } from './reasons.ts';

/** Credit of the node when it opens the stream. */
export const BUILD_LOG_WINDOW_BYTES = 128 * 1024;
/** Maximum length of one line's text. Longer lines are cut. */
export const MAX_LINE_CHARACTERS = 4096;
/** All control characters and quotes double or more as JSON. */
const MAX_ENCODED_CHARACTERS = 8 * MAX_LINE_CHARACTERS;
/** Bounds of a build's log, in characters of its lines. What is between them is left out. */
export const LOG_BOUNDS = { head: 1024 * 1024, tail: 256 * 1024 } as const;
/** Counted for each line beyond its text. */
export const LINE_OVERHEAD = 32;
export const MAX_LOG_CHARACTERS = LOG_BOUNDS.head + LOG_BOUNDS.tail + 4 * MAX_LINE_CHARACTERS;

export interface LogLine {
  /** Unix milliseconds of the node. */
  readonly atMs: number;
  /** Undefined before the first stage. */
  readonly stage: BuildStage | undefined;
  readonly line: string;
}

export type LogPart = { readonly attempt: string } | LogLine;

export const isAttempt = (part: LogPart): part is { readonly attempt: string } => 'attempt' in part;

export const encodePart = (part: LogPart): string =>
  `${JSON.stringify(isAttempt(part) ? { attempt: part.attempt } : [part.atMs, part.stage === undefined ? -1 : BUILD_STAGES.indexOf(part.stage), part.line])}\n`;

/** Decodes parts from bytes as they arrive. Throws a {@link StreamError} for an invalid one. */
export class BuildLogDecoder extends LineDecoder<LogPart> {
  constructor() {
    super(decodePart, MAX_ENCODED_CHARACTERS, invalid);
  }
}

export function decodePart(text: string): LogPart {
  if (text.length > MAX_ENCODED_CHARACTERS) throw invalid();
  const value = jsonIn(text, invalid);
  if (typeof value === 'object' && value !== null && 'attempt' in value) {
    const { attempt } = value;
    if (typeof attempt !== 'string' || attempt.length > 64) throw invalid();
    return { attempt };
  }
  if (!Array.isArray(value)) throw invalid();
  const [atMs, index, line]: unknown[] = value;
  const stage = typeof index === 'number' ? BUILD_STAGES[index] : undefined;
  if (typeof atMs !== 'number' || !(atMs >= 0 && atMs <= LATEST_MS) || typeof line !== 'string') throw invalid();
  if (line.length > MAX_LINE_CHARACTERS) throw invalid();
  return { atMs, stage: stage !== undefined && isBuildStage(stage) ? stage : undefined, line };
}

/** The last time with an ISO form of four digits for the year. */
const LATEST_MS = 253_402_300_799_999;

const invalid = () => new StreamError('protocol', 'The node sent an invalid log line.');

import type { LogLine__Output as LogLine } from '../../proto/generated/raworc/v0/LogLine.ts';

/** What agents printed, line by line, kept in the session's volume within a bound. */
export interface LineStore {
  /** Never throws, never waits: what finds no room is lost. */
  keep(line: LogLine): void;
  /** At most `limit` of an agent's newest lines, oldest first, with all that was kept before the call. */
  newest(agent: string, stream: LogLine['stream'], limit: number): Promise<readonly LogLine[]>;
}

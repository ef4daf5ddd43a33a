import type { LogLine__Output as LogLine } from '../../proto/generated/raworc/v0/LogLine.ts';

/** Keeps the newest output of agents, line by line, in the session's volume. */
export interface LineStore {
  /** Never throws or waits. Lines for which there is no room are lost. */
  keep(line: LogLine): void;
  /**
   * Returns at most `limit` of an agent's newest lines, oldest first, including all lines kept
   * before the call.
   */
  newest(agent: string, stream: LogLine['stream'], limit: number): Promise<readonly LogLine[]>;
}

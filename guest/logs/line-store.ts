/** A longer line is cut. */
export const MAX_LINE_CHARACTERS = 8 * 1024;

/** One line that an agent printed. */
export interface KeptLine {
  readonly agent: string;
  readonly runId: string;
  readonly stream: 'STDOUT' | 'STDERR';
  readonly line: string;
  /** Unix milliseconds. */
  readonly atMs: number;
}

/** Keeps the newest output of agents, line by line, in the session's volume. */
export interface LineStore {
  /** Never throws or waits. Lines for which there is no room are lost. */
  keep(line: KeptLine): void;
  /** Returns at most `limit` of an agent's newest lines from before the call, oldest first. */
  newest(agent: string, wanted: (line: KeptLine) => boolean, limit: number): Promise<readonly KeptLine[]>;
  /** Calls with each new line of an agent, whether or not the disk has room for it. */
  follow(agent: string, listener: (line: KeptLine) => void): { close(): void };
}

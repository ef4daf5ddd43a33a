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

/** Selects stored lines. */
export interface Wanted {
  readonly agents: readonly string[];
  /** Maximum number of lines; the newest are returned. */
  readonly limit: number;
  matches(line: KeptLine): boolean;
}

export interface Found {
  /** Oldest first. */
  readonly lines: readonly KeptLine[];
  /** Number of older matching lines that are stored. */
  readonly left: number;
}

/** Keeps the newest output of agents, line by line, in the session's volume. */
export interface LineStore {
  /** Never throws or waits. Lines for which there is no room are lost. */
  keep(line: KeptLine): void;
  /** Returns the newest matching lines from before the call. */
  newest(wanted: Wanted): Promise<Found>;
  /** Calls with each new line of an agent, whether or not the disk has room for it. */
  follow(agent: string, listener: (line: KeptLine) => void): { close(): void };
}

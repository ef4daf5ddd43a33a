import type { Readable } from 'node:stream';
import { visibleName, visibleText } from '../seams/terminal-text.ts';
import { Own, onOneLine, type Screen, Terminal, type Written } from './terminal.ts';

/**
 * Everything that the command line uses apart from REST, passed in so that tests can replace it.
 */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Screen;
  readonly stderr: Screen;
  /**
   * Makes a terminal in raw mode show output as it comes: Node.js lets it still add a carriage return
   * to each line feed, with which full-screen programs move straight down. Leaving the mode undoes it.
   */
  readonly passOutput?: () => void;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /**
   * Sets what Ctrl-C does instead, until undefined is set. If the handler returns false, `signal`
   * aborts.
   */
  readonly onInterrupt?: (handler: (() => boolean) | undefined) => void;
  /**
   * Calls `run` after a delay unless the returned function is called first. Without it, the
   * process's own timers.
   */
  readonly after?: (ms: number, run: () => void) => () => void;
}

/** The same for commands, which write to terminals only through {@link Terminal}. */
export interface Io extends Omit<World, 'stdout' | 'stderr'> {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

export const ioOf = (world: World): Io => ({ ...world, stdout: new Terminal(world.stdout), stderr: new Terminal(world.stderr) });

/** An error that a person can do something about. Ends the command with exit code 1. */
export class Trouble extends Error {}

/** An argument that the command cannot accept. Ends it with exit code 2. */
export class Misuse extends Trouble {}

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof CODES;

/** Colours text on a terminal that shows colours. */
export function painted(io: Pick<Io, 'env'>, stream: Terminal, colour: Colour, text: string): Written {
  if (!stream.isTTY || (io.env.NO_COLOR ?? '') !== '' || io.env.TERM === 'dumb') return text;
  return new Own(`\u001b[${CODES[colour]}m${onOneLine(visibleText(text))}\u001b[0m`);
}

/** "7 ms", "3.2 s", "1 min 5 s" */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** "512 B", "1.3 KiB", "64 MiB" */
export function size(bytes: number): string {
  let amount = bytes;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (amount < 1024 || unit === 'GiB') return `${Number(amount.toFixed(amount < 10 && unit !== 'B' ? 1 : 0))} ${unit}`;
    amount /= 1024;
  }
  return `${bytes} B`;
}

/** Aligns columns with two spaces between them. A cell is always one line. */
export function table(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(visibleName));
  const widths: number[] = [];
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

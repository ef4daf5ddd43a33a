import process from 'node:process';
import { styleText } from 'node:util';
import { visibleText } from '../seams/terminal-text.ts';

/**
 * On a terminal the running step is shown while it runs; elsewhere each step is one line, and one
 * more if it takes long.
 */
const isTerminal = process.stdout.isTTY === true && process.env.TERM !== 'dumb';
const longMs = 3000;

export const dim = (text: string): string => styleText('dim', text);
export const bold = (text: string): string => styleText('bold', text);
export const red = (text: string): string => styleText('red', text);
export const green = (text: string): string => styleText('green', text);
export const yellow = (text: string): string => styleText('yellow', text);
export const cyan = (text: string): string => styleText('cyan', text);

/** The codes of the styles above: the only control characters that reach a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ownStyles = /(\u001b\[(?:1|2|22|31|32|33|36|39)m)/;

function shown(stream: NodeJS.WriteStream, text: string): string {
  if (stream.isTTY !== true) return text;
  const parts = text.split(ownStyles);
  return parts.map((part, index) => (index % 2 === 1 ? part : visibleText(part))).join('');
}

/** Writes to standard output. On a terminal, control characters in the text are spelled out. */
export const print = (text: string): boolean => process.stdout.write(shown(process.stdout, text));

/** Reports what went wrong and what to do about it, on standard error. */
export function complain(what: string, remedy: string): void {
  process.stderr.write(shown(process.stderr, `${red('✗')} ${what}\n  ${bold('→')} ${remedy}\n`));
}

/** "0.3 s", "12 s", "1 min 5 s" */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Shows how far a step is (on a terminal), and adds a note to the line that stays. */
export interface StepReport {
  readonly progress: (text: string) => void;
  readonly note: (text: string) => void;
}

/**
 * Runs one step and returns its result. If it throws, its line is marked ✗ and the error is passed
 * on.
 */
export async function step<T>(title: string, run: (report: StepReport) => T | Promise<T>): Promise<T> {
  const startedAt = performance.now();
  let mark = red('✗');
  let note = '';
  const erase = () => isTerminal && process.stdout.write('\r\u001b[2K');
  const progress = (text: string) => {
    if (!isTerminal) return;
    erase();
    print(`${cyan('…')} ${title} ${dim(text.slice(0, Math.max(0, (process.stdout.columns ?? 80) - title.length - 5)))}`);
  };
  progress('');
  const timer = isTerminal ? undefined : setTimeout(() => print(`… ${title}\n`), longMs);
  try {
    const result = await run({
      progress,
      note: (text) => {
        note = `${text}, `;
      },
    });
    mark = green('✓');
    return result;
  } finally {
    clearTimeout(timer);
    erase();
    print(`${mark} ${title}  ${dim(`${note}${duration(performance.now() - startedAt)}`)}\n`);
  }
}

import { duration, type Io, painted } from './io.ts';
import { Own, onOneLine, type Written } from './terminal.ts';

/** What a step can show while it runs. */
export interface StepLine {
  /** Adds a note to the step's line. */
  note(text: string): void;
  /** Prints a line above the step's own. */
  print(...parts: readonly Written[]): void;
  /** Says what the step does at the moment, on a terminal. */
  doing(text: string): void;
}

/**
 * Runs one step and prints it with its duration on standard error, which leaves standard output to
 * results. The mark is a check mark only if `isDone` says so. An error is passed on after the step's
 * line.
 */
export async function step<T>(
  io: Io,
  title: string,
  run: (note: (text: string) => void, line: StepLine) => Promise<T>,
  isDone: (result: T) => boolean = () => true,
): Promise<T> {
  const startedAt = performance.now();
  const isLive = io.stderr.isTTY && io.env.TERM !== 'dumb';
  let noted = '';
  let doing = '';
  const clear = new Own(isLive ? '\r\u001b[2K' : '');
  const show = () => {
    if (isLive) io.stderr.write(clear, onOneLine(`… ${title}${doing === '' ? '' : `: ${doing}`}`));
  };
  const end = (mark: Written) => {
    const took = painted(io, io.stderr, 'dim', duration(performance.now() - startedAt));
    io.stderr.write(clear, mark, onOneLine(` ${title}${noted === '' ? '' : `: ${noted}`}  `), took, '\n');
  };
  show();
  const note = (text: string) => {
    noted = text;
  };
  try {
    const result = await run(note, {
      note,
      print(...parts) {
        io.stderr.write(clear);
        io.stderr.line(...parts);
        show();
      },
      doing(text) {
        doing = text;
        show();
      },
    });
    end(isDone(result) ? painted(io, io.stderr, 'green', '✓') : painted(io, io.stderr, 'red', '✗'));
    return result;
  } catch (error) {
    end(painted(io, io.stderr, 'red', '✗'));
    throw error;
  }
}

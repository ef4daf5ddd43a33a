import { duration, type Io, painted } from './io.ts';
import { Own, onOneLine, type Written } from './terminal.ts';

/**
 * Runs one step and prints it with its duration on standard error, which leaves standard output to
 * results. `run` can add a note. The mark is a check mark only if `isDone` says so. An error is
 * passed on after the step's line.
 */
export async function step<T>(
  io: Io,
  title: string,
  run: (note: (text: string) => void) => Promise<T>,
  isDone: (result: T) => boolean = () => true,
): Promise<T> {
  const startedAt = performance.now();
  const isLive = io.stderr.isTTY && io.env.TERM !== 'dumb';
  let noted = '';
  const end = (mark: Written) => {
    const took = painted(io, io.stderr, 'dim', duration(performance.now() - startedAt));
    io.stderr.write(new Own(isLive ? '\r\u001b[2K' : ''), mark, onOneLine(` ${title}${noted === '' ? '' : `: ${noted}`}  `), took, '\n');
  };
  if (isLive) io.stderr.write(`… ${title}`);
  try {
    const result = await run((text) => {
      noted = text;
    });
    end(isDone(result) ? painted(io, io.stderr, 'green', '✓') : painted(io, io.stderr, 'red', '✗'));
    return result;
  } catch (error) {
    end(painted(io, io.stderr, 'red', '✗'));
    throw error;
  }
}

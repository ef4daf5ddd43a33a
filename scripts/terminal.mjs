/**
 * How the scripts speak: one line a step with what it does and how long it took. On a terminal the running step is
 * shown while it runs; elsewhere a line is written when it ends, and one before when it takes long.
 */
import { visibleButColours } from './terminal-text.mjs';

const terminal = process.stdout.isTTY === true && process.env.TERM !== 'dumb';
const colour = terminal && process.env.NO_COLOR === undefined;
const paint = (code) => (text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export const dim = paint(2);
export const bold = paint(1);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);
export const cyan = paint(36);

const shown = (stream, text) => (stream.isTTY === true ? visibleButColours(text) : text);
/** Writes to standard output: on a terminal, what others wrote is spelled out where a terminal would act on it. */
export const print = (text) => process.stdout.write(shown(process.stdout, text));
/** Control characters that we mean. */
const own = (text) => process.stdout.write(text);

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const longMs = 3000;

/** "0.3 s", "12 s", "1 min 5 s" */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/**
 * Runs one step and answers what it answers. `run` gets a function that shows how far it is (on a terminal only), and one
 * that adds a note to the line that stays. What it throws is thrown on, after a ✗ line.
 */
export async function step(title, run) {
  const startedAt = performance.now();
  let progress = '';
  let note = '';
  let frame = 0;
  const draw = () => {
    frame += 1;
    const room = (process.stdout.columns ?? 80) - title.length - 5;
    const shown = room > 8 ? progress.slice(0, room) : '';
    own('\r\u001b[2K');
    print(`${cyan(frames[frame % frames.length])} ${title} ${dim(shown)}`);
  };
  const timer = terminal ? setInterval(draw, 100) : setTimeout(() => print(`… ${title}\n`), longMs);
  if (terminal) draw();
  const end = (mark) => {
    clearInterval(timer);
    const took = dim(`${note && `${note}, `}${duration(performance.now() - startedAt)}`);
    if (terminal) own('\r\u001b[2K');
    print(`${mark} ${title}  ${took}\n`);
  };
  try {
    const answer = await run(
      (text) => {
        progress = text;
      },
      (text) => {
        note = text;
      },
    );
    end(green('✓'));
    return answer;
  } catch (error) {
    end(red('✗'));
    throw error;
  }
}

/** What is wrong and what to do about it, on standard error. */
export function complain(what, remedy) {
  process.stderr.write(shown(process.stderr, `${red('✗')} ${what}\n  ${bold('→')} ${remedy}\n`));
}

import type { Command } from './command.ts';

const COUNTING_MS = 300_000;
/** A listed file was deleted meanwhile, as happens in a running session. The others are counted. */
const SOME_WERE_GONE = 1;

/**
 * Returns the space used below a directory. The counting program has the lowest priority and
 * follows no links.
 */
export const usedBytes = (run: Command, directory: string) => count(run, directory, ['--block-size=1']);

export const usedFiles = (run: Command, directory: string) => count(run, directory, ['--inodes']);

async function count(run: Command, directory: string, how: readonly string[]): Promise<number> {
  const counted = await run('nice', ['-n', '19', 'du', '-sx', ...how, '--', directory], {
    mayTakeMs: COUNTING_MS,
    mayExitWith: SOME_WERE_GONE,
  });
  const number = Number.parseInt(counted, 10);
  if (!Number.isSafeInteger(number)) throw new Error(`du counted ${counted.slice(0, 40)}`);
  return number;
}

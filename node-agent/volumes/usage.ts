import type { Command } from './command.ts';

const COUNTING_MS = 300_000;
/** A file that was listed has gone meanwhile, as in a running session. The others are counted. */
const SOME_WERE_GONE = 1;

/**
 * Returns the blocks used below a directory. The program that counts has the lowest priority and
 * follows no link.
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

import type { Command } from './command.ts';

const COUNTING_MS = 300_000;
/** A session went on meanwhile, and what was listed a moment ago is gone: the rest is counted all the same. */
const SOME_WERE_GONE = 1;

/** What the files below a directory take up on the host, by their blocks. Counted by a program of the host with the least claim on its processors, which follows no link. */
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

/** Two forms in which short commands of several kinds are timed in one run, since absolute times drift. */
import { timed } from '../figures/figures.ts';
import { engineIdle } from './engine-idle.ts';

/** Of one kind in a row. */
export const BLOCK = 20;

export type Kind = 'rest' | 'api' | 'cli' | 'bare';
export type Kinds = Readonly<Record<Kind, () => Promise<unknown>>>;
/** In milliseconds. */
export type Times = Readonly<Record<Kind, number[]>>;

const KINDS: readonly Kind[] = ['rest', 'api', 'cli', 'bare'];
const none = (): Times => ({ rest: [], api: [], cli: [], bare: [] });

/** One of each kind after another: each runs while Docker cleans up after its last, and with caches that another left. */
export async function oneByOne(kinds: Kinds, turns: number, signal: AbortSignal): Promise<Times> {
  const times = none();
  for (let turn = 0; turn < turns; turn += 1) {
    signal.throwIfAborted();
    for (const kind of KINDS) times[kind].push(await timed(kinds[kind]));
  }
  return times;
}

/** Blocks of one kind, each after Docker has come to rest. `busy` counts those for which it did not. */
export async function inBlocks(
  kinds: Kinds,
  turns: number,
  signal: AbortSignal,
): Promise<{ readonly times: Times; readonly busy: number }> {
  const times = none();
  let busy = 0;
  for (let block = 0; block < Math.ceil(turns / BLOCK); block += 1)
    for (const kind of KINDS) {
      if (!(await engineIdle())) busy += 1;
      signal.throwIfAborted();
      for (let turn = 0; turn < BLOCK; turn += 1) times[kind].push(await timed(kinds[kind]));
    }
  return { times, busy };
}

/** Alternates between the compared sides, so that other load on the machine affects both alike. */
import { median, percentile } from '../figures/figures.ts';

export interface Run {
  readonly rounds: number;
  readonly signal: AbortSignal;
}

export const WIDTH = 46;

/** Runs both sides in each round, in alternating order. */
export async function inTurns<T>({ rounds, signal }: Run, one: () => Promise<T>, other: () => Promise<T>): Promise<(readonly [T, T])[]> {
  const found: (readonly [T, T])[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    signal.throwIfAborted();
    if (turn % 2 === 0) {
      const first = await one();
      found.push([first, await other()]);
    } else {
      const second = await other();
      found.push([await one(), second]);
    }
  }
  return found;
}

/** Returns the median and the range of nine rounds in ten. */
export const spread = (ratios: readonly number[]): string =>
  `${median(ratios).toFixed(2)} (${percentile(ratios, 5).toFixed(2)}–${percentile(ratios, 95).toFixed(2)})`;

export const verdict = (reached: boolean): string => (reached ? 'reached' : 'MISSED');

/** The seeds from 1 to this one pass without a fault: `simulation.test.ts` and `more-seeds.test.ts` run them. */
export const QUIET_SEEDS = 100;

/** A fault, planted by changing the product's source while it is loaded. */
export interface Plant {
  /** The guarantee that it breaks. */
  readonly breaks: string;
  /** Path from the root of the project. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly foundBy: FoundBy;
}

/** A seed of the simulation or a unit test that fails with the fault and passes without it. */
export type FoundBy = { readonly seed: number } | { readonly test: string };

/**
 * Returns the changed source. Throws if the text does not occur exactly once: then update the
 * plant.
 */
export function planted({ file, find, replace }: Pick<Plant, 'file' | 'find' | 'replace'>, source: string): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`"${find}" occurs ${parts.length - 1} times in ${file}, it must occur once`);
  return parts.join(replace);
}

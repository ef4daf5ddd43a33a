/** A fault of the product, planted by changing its source while it is loaded. */
export interface Plant {
  /** The decision that it breaks, as the product keeps it. */
  readonly breaks: string;
  /** From the root of the project. */
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly foundBy: FoundBy;
}

/** A seed of the simulation, or a file of unit tests, that fails with the fault and passes without it. */
export type FoundBy = { readonly seed: number } | { readonly test: string };

/** What it makes of the source of its file. Throws when that does not hold the text exactly once: the plant must then be brought up to date. */
export function planted({ file, find, replace }: Pick<Plant, 'file' | 'find' | 'replace'>, source: string): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`"${find}" occurs ${parts.length - 1} times in ${file}, it must occur once`);
  return parts.join(replace);
}

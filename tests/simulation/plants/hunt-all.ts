import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simulate } from '../run.ts';
import { PLANTS } from './catalogue.ts';
import { foundBySeed, foundByTest } from './found.ts';
import type { Plant } from './plant.ts';

/** Maximum number of seeds until a fault is found. */
export const FOUND_WITHIN = 200;
const AT_ONCE = 2;

/**
 * Returns the seed that is known to find it, then all others, since the seed changes with the
 * product.
 */
export function seedsFrom(known: number): readonly number[] {
  const all = Array.from({ length: FOUND_WITHIN }, (_, at) => at + 1);
  return [known, ...all.filter((seed) => seed !== known)];
}

/**
 * Hunts for each planted fault, and prints how it was found. Returns whether all were, by seeds
 * that pass without it. `writes`: a seed other than the known one is written down.
 */
export async function huntAll(print: (line: string) => void, writes: boolean): Promise<boolean> {
  const waiting = Object.entries(PLANTS);
  const seeds = new Set<number>();
  let missed = 0;
  const hunter = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, plant] = next;
      const { how, seed } = await hunt(name, plant);
      if (seed !== undefined) seeds.add(seed);
      if (how === undefined) missed += 1;
      if (writes && seed !== undefined && 'seed' in plant.foundBy && seed !== plant.foundBy.seed) writeDown(name, seed);
      print(`${name.padEnd(40)} ${how ?? 'MISSED'}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, hunter));
  const loud = await loudWithout(seeds);
  print(`${Object.keys(PLANTS).length} planted faults, ${missed} missed`);
  for (const seed of loud) print(`seed ${seed} finds something without any`);
  return missed === 0 && loud.length === 0;
}

/** Returns the seeds that fail without a fault. */
export async function loudWithout(seeds: Iterable<number>): Promise<readonly number[]> {
  const loud: number[] = [];
  for (const seed of seeds) if ((await simulate({ seed })).violations.length > 0) loud.push(seed);
  return loud;
}

/** Changes the seed of a plant in its file. */
function writeDown(name: string, seed: number): void {
  for (const path of globSync(join(import.meta.dirname, '*-plants.ts'))) {
    const [before, after] = readFileSync(path, 'utf8').split(`  '${name}': {`);
    if (before === undefined || after === undefined) continue;
    writeFileSync(path, `${before}  '${name}': {${after.replace(/foundBy: \{ seed: \d+ \}/, `foundBy: { seed: ${seed} }`)}`);
  }
}

async function hunt(name: string, { foundBy }: Plant): Promise<{ how: string | undefined; seed?: number }> {
  if ('test' in foundBy) {
    const test = await foundByTest(name, foundBy.test);
    return { how: test === null ? undefined : `${foundBy.test}: ${test}` };
  }
  const found = await foundBySeed(name, seedsFrom(foundBy.seed));
  return found === null ? { how: undefined } : { how: `seed ${found.seed}: ${found.violation}`, seed: found.seed };
}

import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from '../places.ts';

/** Tests of what is large: several of them fill the machine's memory, so they run one at a time. */
export const sizeFolder = 'tests/size';

/** The folders of tests, the fast ones first. Where tests share this machine's Docker they run one at a time. */
export const phases: readonly { readonly folder: string; readonly atOnce: number }[] = [
  { folder: 'tests/unit', atOnce: 2 },
  { folder: 'tests/contract', atOnce: 2 },
  { folder: 'tests/fuzz', atOnce: 1 },
  { folder: 'tests/simulation', atOnce: 2 },
  { folder: sizeFolder, atOnce: 1 },
  { folder: 'tests/flood', atOnce: 1 },
  { folder: 'tests/host', atOnce: 1 },
  { folder: 'tests/cluster', atOnce: 1 },
];

/** The test files of a folder whose path holds one of the words, or all without words. */
export function testFiles(folder: string, words: readonly string[]): readonly string[] {
  const directory = join(projectRoot, folder);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => relative(projectRoot, join(directory, name)))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .sort();
}

/** Runs `work` on each item, at most `atOnce` at a time, in order of their start. */
export async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

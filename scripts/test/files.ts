import { globSync } from 'node:fs';
import { projectRoot } from '../places.ts';
import { Trouble } from '../program.ts';

/** Tests of large amounts: several of them fill the machine's memory, so they run one at a time. */
export const sizeFolder = 'tests/size';

/** Long tests of many hosts, which only `npm run test:hosts` runs. */
export const hostsFolder = 'tests/hosts/long';

/** Slow builds with toolchains and package managers, which only `npm run test:builds` runs. */
export const buildsFolder = 'tests/builds';

/** The package on several versions of Node.js and npm, which only `npm run test:packages` tries. */
export const packagesFolder = 'tests/packages';

/**
 * The folders of tests, fast ones first. Tests that share this machine's Docker run one at a time.
 */
export const phases: readonly { readonly folder: string; readonly atOnce: number }[] = [
  { folder: 'tests/unit', atOnce: 2 },
  { folder: 'tests/contract', atOnce: 2 },
  { folder: 'tests/fuzz', atOnce: 1 },
  { folder: 'tests/simulation', atOnce: 2 },
  { folder: sizeFolder, atOnce: 1 },
  { folder: 'tests/flood', atOnce: 1 },
  { folder: 'tests/host', atOnce: 1 },
  { folder: 'tests/cluster', atOnce: 1 },
  { folder: 'tests/hosts', atOnce: 1 },
];

export interface Phase {
  readonly files: readonly string[];
  readonly atOnce: number;
}

/**
 * Returns the test files of some folders whose path contains one of the words, or all files without
 * words.
 */
export function chosenFiles(folders: typeof phases, words: readonly string[]): readonly Phase[] {
  const chosen = folders.map(({ folder, atOnce }) => {
    const exclude = folder === hostsFolder ? [] : [`${hostsFolder}/**`];
    const files = globSync(`${folder}/**/*.test.ts`, { cwd: projectRoot, exclude }).sort();
    return { atOnce, files: files.filter((path) => words.length === 0 || words.some((word) => path.includes(word))) };
  });
  if (chosen.every(({ files }) => files.length === 0))
    throw new Trouble(`no test file's path contains ${words.join(' or ')}`, 'ls tests/*');
  return chosen;
}

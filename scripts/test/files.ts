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

/** The SDKs of E2B, unmodified, which only `npm run test:e2b` installs and tries. */
export const e2bFolder = 'tests/e2b';

interface Lane {
  /** Its files, pattern by pattern. A file belongs to the first lane that names it. */
  readonly files: readonly string[];
  readonly atOnce: number;
  /** Lowers the priority of its processes. */
  readonly niceness?: number;
}

const all = (folder: string) => `${folder}/**/*.test.ts`;

/** A folder alone, one file at a time. */
export const alone = (folder: string): readonly (readonly Lane[])[] => [[{ files: [all(folder)], atOnce: 1 }]];

/**
 * The lanes of each phase run side by side. Docker tests wait for an engine most of their time, so
 * that all that needs only a processor runs beside them. Tests that measure a controller have the
 * machine for themselves.
 */
export const phases: readonly (readonly Lane[])[] = [
  [
    // With engines or hosts of their own.
    {
      files: [
        'tests/host/{base-images,bus-*,disk-prune,engine-*,firewall-flush}.test.ts',
        'tests/cluster/what-survives.test.ts',
        all('tests/hosts'),
      ],
      atOnce: 1,
    },
    // They share this machine's engine and firewall. First those that compare a neighbour's times or
    // count this machine's connections: the simulation beside them uses no network.
    { files: ['tests/host/{hostile,firewall-flows}.test.ts', all('tests/host'), all('tests/cluster')], atOnce: 1 },
    { files: [all('tests/simulation'), all('tests/unit'), all('tests/contract'), all('tests/fuzz')], atOnce: 2, niceness: 5 },
  ],
  [{ files: [all(sizeFolder), all('tests/flood')], atOnce: 1 }],
];

/** Files of one lane. */
export interface LaneFiles {
  readonly files: readonly string[];
  readonly atOnce: number;
  readonly niceness: number;
}

/**
 * Returns the test files of these lanes whose path contains one of the words, or all files without
 * words.
 */
export function chosenFiles(lanes: typeof phases, words: readonly string[]): readonly (readonly LaneFiles[])[] {
  const taken = new Set<string>();
  const filesOf = (pattern: string) => {
    const exclude = pattern === all(hostsFolder) ? [] : [`${hostsFolder}/**`];
    const files = globSync(pattern, { cwd: projectRoot, exclude }).filter((path) => !taken.has(path));
    for (const path of files) taken.add(path);
    return files.sort().filter((path) => words.length === 0 || words.some((word) => path.includes(word)));
  };
  const chosen = lanes.map((phase) =>
    phase.map(({ files, atOnce, niceness = 0 }) => ({ files: files.flatMap(filesOf), atOnce, niceness })),
  );
  if (chosen.flat().every(({ files }) => files.length === 0))
    throw new Trouble(`no test file's path contains ${words.join(' or ')}`, 'ls tests/*');
  return chosen;
}

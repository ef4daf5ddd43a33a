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

interface Lane {
  /** Their files, folder by folder. */
  readonly folders: readonly string[];
  readonly atOnce: number;
  /** Lowers the priority of its processes. */
  readonly niceness?: number;
  /** Files before all others. */
  readonly first?: readonly string[];
}

/** Every folder alone, one file at a time. */
export const alone = (folder: string): readonly (readonly Lane[])[] => [[{ folders: [folder], atOnce: 1 }]];

/**
 * The lanes of each phase run side by side. Tests that share this machine's Docker run one at a
 * time and wait for most of it, so that all that needs only a processor runs beside them. Those
 * that compare a neighbour's times or count this machine's connections come first: the simulation
 * beside them uses no network. Tests that measure a controller have the machine for themselves.
 */
export const phases: readonly (readonly Lane[])[] = [
  [
    {
      folders: ['tests/host', 'tests/cluster', 'tests/hosts'],
      atOnce: 1,
      first: ['tests/host/hostile.test.ts', 'tests/host/firewall-flows.test.ts'],
    },
    { folders: ['tests/simulation', 'tests/unit', 'tests/contract', 'tests/fuzz'], atOnce: 2, niceness: 5 },
  ],
  [{ folders: [sizeFolder, 'tests/flood'], atOnce: 1 }],
];

/** Files of one lane. */
export interface LaneFiles {
  readonly files: readonly string[];
  readonly atOnce: number;
  readonly niceness: number;
}

/**
 * Returns the test files of some folders whose path contains one of the words, or all files without
 * words.
 */
export function chosenFiles(lanes: typeof phases, words: readonly string[]): readonly (readonly LaneFiles[])[] {
  const chosen = lanes.map((phase) =>
    phase.map(({ folders, atOnce, niceness = 0, first = [] }) => {
      const all = folders.flatMap((folder) => filesOf(folder).sort());
      const files = [...first, ...all.filter((path) => !first.includes(path))];
      return { atOnce, niceness, files: files.filter((path) => words.length === 0 || words.some((word) => path.includes(word))) };
    }),
  );
  if (chosen.flat().every(({ files }) => files.length === 0))
    throw new Trouble(`no test file's path contains ${words.join(' or ')}`, 'ls tests/*');
  return chosen;
}

function filesOf(folder: string): string[] {
  const exclude = folder === hostsFolder ? [] : [`${hostsFolder}/**`];
  return globSync(`${folder}/**/*.test.ts`, { cwd: projectRoot, exclude });
}

/**
 * `npm run test:mutation -- WORD…`: changes the files of the pure core in every way that Stryker knows, one at a time, and runs their unit
 * tests against each. Prints the score of each file and every change that no test notices. Without words: all files, which takes hours. Stryker's own
 * reading of tsconfig.json needs an older compiler than this project has, so stryker.json names a file that is not there.
 */
import { mkdirSync } from 'node:fs';
import process from 'node:process';
import { Stryker } from '@stryker-mutator/core';
import { TARGETS } from './targets.ts';

const words = process.argv.slice(2);
const files = Object.entries(TARGETS).filter(([file]) => words.length === 0 || words.some((word) => file.includes(word)));
if (files.length === 0) {
  process.stderr.write(`no file holds ${words.join(' or ')}: one of ${Object.keys(TARGETS).join(', ')}\n`);
  process.exit(2);
}
mkdirSync('build', { recursive: true });

const NOTICED: ReadonlySet<string> = new Set(['Killed', 'Timeout']);
const JUDGED: ReadonlySet<string> = new Set([...NOTICED, 'Survived', 'NoCoverage']);

for (const [file, tests] of files) {
  const stryker = new Stryker({
    configFile: 'tests/mutation/stryker.json',
    mutate: [file],
    tap: { testFiles: tests.map((test) => `tests/unit/${test}.test.ts`), forceBail: true },
  });
  const mutants = (await stryker.runMutationTest()).filter(({ status }) => JUDGED.has(status));
  const noticed = mutants.filter(({ status }) => NOTICED.has(status));
  process.stdout.write(`${file}: ${noticed.length} of ${mutants.length} noticed, ${score(noticed.length, mutants.length)}\n`);
  for (const { status, location, mutatorName, replacement } of mutants) {
    if (NOTICED.has(status)) continue;
    const { line, column } = location.start;
    process.stdout.write(`  ${file}:${line}:${column} ${mutatorName}: ${replacement?.replaceAll(/\s+/g, ' ').slice(0, 100)}\n`);
  }
}

function score(noticed: number, all: number): string {
  return all === 0 ? 'nothing to judge' : `${((100 * noticed) / all).toFixed(1)} %`;
}

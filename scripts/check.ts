/**
 * `npm run check`: checks types, lint and the rules for the sources, in seconds, without root or
 * Docker.
 */
import { dataDirectory } from './places.ts';
import { runProgram } from './program.ts';
import { runSuite } from './test/suite.ts';

const files = ['tests/unit/house/imports.test.ts', 'tests/unit/house/seams.test.ts'];

runProgram(async () => runSuite({ phases: [[{ files, atOnce: 1, niceness: 0 }]], withStatics: true, dataDir: await dataDirectory() }));

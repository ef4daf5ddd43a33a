/**
 * `npm run test:contract`: tests the REST contract against the controller at RAWORC_CONTRACT_URL
 * with the admin's password in RAWORC_CONTRACT_PASSWORD, or, without these, against a new
 * controller. `-- WORD…` selects files.
 */
import process from 'node:process';
import { dataDirectory } from './places.ts';
import { runProgram, Trouble } from './program.ts';
import { print } from './terminal.ts';
import { alone, chosenFiles } from './test/files.ts';
import { runSuite } from './test/suite.ts';

runProgram(async (words) => {
  const { RAWORC_CONTRACT_URL: url, RAWORC_CONTRACT_PASSWORD: password } = process.env;
  if ((url === undefined) !== (password === undefined)) {
    throw new Trouble(
      'a server to test needs both its address and a password',
      'set RAWORC_CONTRACT_URL and RAWORC_CONTRACT_PASSWORD, or neither',
    );
  }
  print(`  ${url ?? 'a controller of its own'}\n`);
  // One after another: they share a server, and some of them count what it has.
  const phases = chosenFiles(alone('tests/contract'), words);
  return runSuite({ phases, withStatics: false, dataDir: await dataDirectory() });
});

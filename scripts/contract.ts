/**
 * `npm run test:contract`: the REST contract, held against the controller at RAWORC_CONTRACT_URL with the admin's password in
 * RAWORC_CONTRACT_PASSWORD, or without these against one of its own. `-- WORD…`: only the files whose path holds a word.
 */
import process from 'node:process';
import { dataDirectory } from './places.ts';
import { runProgram } from './program.ts';
import { duration, print } from './terminal.mjs';
import { testFiles } from './test/files.ts';
import { runFile } from './test/run-file.ts';
import { Table } from './test/table.ts';
import { Trouble } from './trouble.ts';

runProgram(async (words) => {
  const { RAWORC_CONTRACT_URL: url, RAWORC_CONTRACT_PASSWORD: password } = process.env;
  if ((url === undefined) !== (password === undefined)) {
    throw new Trouble('a server to test is named by two variables', 'set RAWORC_CONTRACT_URL and RAWORC_CONTRACT_PASSWORD, or neither');
  }
  const startedAt = performance.now();
  const files = testFiles('tests/contract', words);
  if (files.length === 0) throw new Trouble(`no file’s path holds ${words.join(' or ')}`, 'ls tests/contract');
  const table = new Table(files);
  print(`  ${url ?? 'a controller of its own'}\n`);
  // One after another: they share a server, and some of them count what it has.
  for (const file of files) table.add(await runFile(file, { dataDir: dataDirectory(), env: {} }));
  print(`\n${files.length} files in ${duration(performance.now() - startedAt)}\n`);
  print(`${table.passed} passed, ${table.failed} failed\n`);
  return table.failed === 0 ? 0 : 1;
});

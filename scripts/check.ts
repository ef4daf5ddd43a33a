/** `npm run check`: types, lint, and what the sources promise one another; no root, no Docker, seconds. */

import { dataDirectory } from './places.ts';
import { runProgram } from './program.ts';
import { print } from './terminal.mjs';
import { runFile } from './test/run-file.ts';
import { runStatics, staticNames } from './test/statics.ts';
import { Table } from './test/table.ts';

const files = ['tests/unit/house/imports.test.ts', 'tests/unit/house/seams.test.ts'];

runProgram(async () => {
  const table = new Table([...staticNames, ...files]);
  for (const result of runStatics()) table.add(result);
  for (const file of files) table.add(await runFile(file, { dataDir: dataDirectory(), env: {} }));
  print(`\n${table.passed} passed, ${table.failed} failed\n`);
  return table.failed === 0 ? 0 : 1;
});

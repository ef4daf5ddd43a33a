import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { testDirectory } from '../../test-directory.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../../launcher');
const PROGRAMS = ['raworc', 'raworc-controller', 'raworc-node-agent'];
const run = promisify(execFile);

t.test('a Node.js that is too old gives one line that says so, and what to do', async (t) => {
  const pretends = (version: string) => {
    const file = join(testDirectory(t), 'pretend.cjs');
    writeFileSync(file, `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`);
    return ['-r', file];
  };
  for (const program of PROGRAMS) {
    const file = join(LAUNCHER, `${program}.cjs`);
    await t.rejects(run(process.execPath, [...pretends('16.20.2'), file, '--version']), {
      code: 1,
      stdout: '',
      stderr: new RegExp(`^${program}: Node.js 16.20.2 \\(/.+\\) is too old to start it. Install Node.js 18 or newer.*\n$`),
    });
    t.match(await run(process.execPath, [...pretends('18.0.0'), file, '--version']), { stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' }, program);
  }
});

/** Found by trying Node.js 10 and 12: `npm run test:packages` does so with the real programs. */
const NEWER_SYNTAX = /=>|`|\?\?|\?\.|\.\.\.|\b(?:const|let|class|async|await|import|export)\b/;

t.test('what runs before the version is checked is in a syntax that any Node.js parses', async (t) => {
  const codeOf = (name: string) => readFileSync(join(LAUNCHER, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'/g, '');
  for (const name of ['start.cjs', ...PROGRAMS.map((program) => `${program}.cjs`)]) t.notMatch(codeOf(name), NEWER_SYNTAX, name);
  t.match(codeOf('import.cjs'), NEWER_SYNTAX, 'the check finds newer syntax');
});

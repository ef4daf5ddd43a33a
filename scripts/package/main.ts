/**
 * Compiles the product into dist/, with the guest, before `npm pack` packs it: below node_modules
 * Node.js does not run TypeScript.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buildGuest } from '../build-guest.ts';
import { launch } from '../machine/launch.ts';
import { projectRoot } from '../places.ts';
import { runProgram, Trouble } from '../program.ts';
import { removeInstallScripts } from './install-scripts.ts';
import { removeUnusedFiles } from './unused-files.ts';

const dist = join(projectRoot, 'dist');

async function compile(project: string): Promise<void> {
  const compiler = join(projectRoot, 'node_modules', 'typescript', 'bin', 'tsc');
  let output = '';
  const { ended } = launch(process.execPath, [compiler, '-p', join(import.meta.dirname, project)], {
    cwd: projectRoot,
    onText: (text) => {
      output += text;
    },
  });
  if ((await ended) !== 0) throw new Trouble(`The sources do not compile:\n${output}`, 'npm run check');
}

runProgram(async () => {
  rmSync(dist, { recursive: true, force: true });
  await compile('tsconfig.json');
  await compile('sdk.json');
  await buildGuest(join(dist, 'build', 'guest'));
  removeInstallScripts();
  removeUnusedFiles();
  return 0;
});

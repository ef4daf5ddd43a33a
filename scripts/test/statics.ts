import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { projectRoot } from '../places.ts';
import type { FileResult } from './run-file.ts';

const checks: readonly { readonly name: string; readonly script: string; readonly args: readonly string[] }[] = [
  // By its package: the generator of the client brings a compiler of its own, with a program of the same name.
  { name: 'types (tsc)', script: 'typescript/bin/tsc', args: ['-p', '.'] },
  { name: 'lint and format (biome)', script: '@biomejs/biome/bin/biome', args: ['ci', '--colors=off', '--diagnostic-level=error'] },
];

export const staticNames: readonly string[] = checks.map(({ name }) => name);

/** Types and lint, each counted as one test. */
export function runStatics(): readonly FileResult[] {
  return checks.map(({ name, script, args }) => {
    const startedAt = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(projectRoot, 'node_modules', script), ...args], {
      cwd: projectRoot,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });
    const ok = status === 0;
    return {
      file: name,
      tookMs: performance.now() - startedAt,
      output: `${stdout}${stderr}`,
      passed: ok ? 1 : 0,
      failed: ok ? 0 : 1,
      skipped: 0,
      failures: ok ? [] : [`${script} ended with ${status}`],
    };
  });
}

import { dim, duration, green, print, red } from '../terminal.ts';
import type { LaneFiles } from './files.ts';
import { type FileResult, type RunFileOptions, runFile, runStatics, staticNames } from './run-file.ts';

export interface SuiteOptions extends RunFileOptions {
  /** One after another; the lanes of each run side by side. */
  readonly phases: readonly (readonly LaneFiles[])[];
  /** Checks types and lint first. */
  readonly withStatics: boolean;
  /** Runs after the tests, whether or not they passed. */
  readonly cleanUp?: () => Promise<void>;
}

/**
 * Runs test files and prints a row for each as it ends; the last line is `N passed, N failed`.
 * Returns the exit code.
 */
export async function runSuite({ phases, withStatics, cleanUp, ...options }: SuiteOptions): Promise<number> {
  const startedAt = performance.now();
  const files = phases.flat().flatMap((lane) => lane.files);
  const width = Math.max(...[...staticNames, ...files].map((name) => name.length));
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const add = (result: FileResult) => {
    for (const key of ['passed', 'failed', 'skipped'] as const) sum[key] += result[key];
    print(row(result, width));
  };
  print(`\n  ${dim(`${'file'.padEnd(width)}  passed  failed  skipped      time`)}\n`);
  try {
    if (withStatics) await runStatics(add, options.stop);
    const run = async ({ files: some, atOnce, niceness }: LaneFiles) => {
      const rest = some.values();
      const work = async () => {
        for (const file of rest) if (!options.stop?.aborted) add(await runFile(file, { ...options, niceness }));
      };
      await Promise.all(Array.from({ length: atOnce }, work));
    };
    for (const lanes of phases) await Promise.all(lanes.map(run));
  } finally {
    await cleanUp?.();
  }
  const isStopped = options.stop?.aborted === true;
  print(
    `\n${files.length} files in ${duration(performance.now() - startedAt)}, ${sum.skipped} skipped${isStopped ? '; interrupted' : ''}\n`,
  );
  print(`${sum.passed} passed, ${sum.failed} failed\n`);
  return sum.failed === 0 && !isStopped ? 0 : 1;
}

/** The row of a file, and below it its failures with the end of its output. */
function row({ file, passed, failed, skipped, tookMs, failures, output }: FileResult, width: number): string {
  const cell = (value: number, size: number) => (value === 0 ? '–' : String(value)).padStart(size);
  const counts = `${cell(passed, 6)}  ${cell(failed, 6)}  ${cell(skipped, 7)}  ${duration(tookMs).padStart(9)}`;
  const lines = [`${failed === 0 ? green('✓') : red('✗')} ${file.padEnd(width)}  ${counts}`];
  if (failed > 0) {
    // Without the points that passed and their plans.
    const telling = output
      .split('\n')
      .filter((line) => line.trim() !== '' && !/^\s*(ok\b|1\.\.\d+|# (Subtest|time|\{)|TAP version)/.test(line));
    lines.push(...failures.map((failure) => `    ${red('✗')} ${failure}`), ...telling.slice(-120).map((line) => `    ${dim('│')} ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

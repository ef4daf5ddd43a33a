import { dim, duration, green, print, red } from '../terminal.mjs';
import type { FileResult } from './run-file.ts';

const shownLines = 120;

/** One row a file, written as it ends; what failed is shown right below it. */
export class Table {
  #width: number;
  passed = 0;
  failed = 0;
  skipped = 0;

  constructor(names: readonly string[]) {
    this.#width = Math.max(20, ...names.map((name) => name.length));
    print(`\n  ${dim(`${'file'.padEnd(this.#width)}  passed  failed  skipped      time`)}\n`);
  }

  add(result: FileResult): void {
    this.passed += result.passed;
    this.failed += result.failed;
    this.skipped += result.skipped;
    const mark = result.failed === 0 ? green('✓') : red('✗');
    const counts = `${cell(result.passed, 6)}  ${cell(result.failed, 6)}  ${cell(result.skipped, 7)}`;
    print(`${mark} ${result.file.padEnd(this.#width)}  ${counts}  ${duration(result.tookMs).padStart(9)}\n`);
    if (result.failed > 0) this.#explain(result);
  }

  #explain(result: FileResult): void {
    for (const failure of result.failures) print(`    ${red('✗')} ${failure}\n`);
    const lines = interesting(result.output.trimEnd().split('\n'));
    for (const line of lines.slice(-shownLines)) print(`    ${dim('│')} ${line}\n`);
  }
}

function cell(value: number, width: number): string {
  return (value === 0 ? '–' : String(value)).padStart(width);
}

/** Without the points that passed and their plans. */
function interesting(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.trim() !== '' && !/^\s*(ok\b|1\.\.\d+|# (Subtest|time|\{)|TAP version)/.test(line));
}

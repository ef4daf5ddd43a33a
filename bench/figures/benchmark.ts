/** What all benchmarks do alike: end what they began, print what they measured, and tell `npm run bench -- NAME --json` of it. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import process from 'node:process';
import { figures, median, percentile, row } from './figures.ts';
import type { Goal, Measured, Outcome } from './results.ts';

const NAME_WIDTH = 38;

export interface Benchmark {
  /** Aborted by the signals that end the process. */
  readonly signal: AbortSignal;
  /** Runs at the end, the last one first. */
  ends(end: () => unknown): void;
  /** What the helpers of tests expect of a test. */
  readonly scope: { teardown(end: () => unknown): void; passing(): boolean; comment(): void };
  /** Begins a table of times. */
  table(title: string): void;
  /** Prints a row of milliseconds. */
  times(name: string, samples: readonly number[]): void;
  /** Prints and keeps a figure without a goal. */
  figure(name: string, value: number): void;
  /** Prints a figure and whether it reaches its goal. If not, the exit code will be 1. */
  goal(name: string, value: number, bound: { readonly most: number } | { readonly least: number }): void;
}

export async function benchmark(work: (bench: Benchmark) => Promise<void>): Promise<void> {
  const endings: (() => unknown)[] = [];
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort(new Error(`ended by ${signal}`)));
  const ends = (end: () => unknown) => void endings.unshift(end);
  const measured: Measured[] = [];
  const goals: Goal[] = [];
  const begun = load();
  let table = '';
  try {
    await work({
      ...{ signal: stop.signal, ends, scope: { teardown: ends, passing: () => true, comment: () => undefined } },
      table(title) {
        table = title;
        console.log(`\n${title}, milliseconds, load ${load()}`);
        console.log(row('', ['median', 'p95', 'p99'], NAME_WIDTH));
      },
      times(name, samples) {
        console.log(row(name, figures(samples), NAME_WIDTH));
        measured.push({ table, name, median: median(samples), p95: percentile(samples, 95), p99: percentile(samples, 99) });
      },
      figure(name, value) {
        console.log(`  ${name}: ${Number(value.toPrecision(3))}`);
        goals.push({ name, value });
      },
      goal(name, value, bound) {
        const [isReached, said] =
          'most' in bound ? [value <= bound.most, `at most ${bound.most}`] : [value >= bound.least, `at least ${bound.least}`];
        console.log(`${isReached ? '✓' : '✗'} ${name}: ${Number(value.toPrecision(3))} (goal: ${said})`);
        goals.push({ name, value, ...bound });
        if (!isReached) process.exitCode = 1;
      },
    });
  } finally {
    for (const end of endings) await end();
  }
  const outcome: Outcome = { load: [begun, load()], measured, goals };
  const file = process.env.RAWORC_BENCH_OUTCOME;
  if (file !== undefined) writeFileSync(file, JSON.stringify(outcome));
}

function load(): number {
  const [one = 0] = loadavg();
  return Math.round(one * 10) / 10;
}

/** Formats samples in milliseconds as percentiles, by nearest rank. */

export function percentile(samples: readonly number[], rank: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.ceil((rank / 100) * sorted.length) - 1] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 50);

/** Returns the duration of the work in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Returns a line of a table: a name and its cells. */
export function row(name: string, cells: readonly string[], nameWidth = 32): string {
  return name.padEnd(nameWidth) + cells.map((cell) => cell.padStart(10)).join('');
}

/** Returns the median, p95 and p99 of the samples. */
export function figures(samples: readonly number[], digits = 2): string[] {
  return [50, 95, 99].map((rank) => percentile(samples, rank).toFixed(digits));
}

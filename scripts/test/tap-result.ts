/** The result of a test file. Its tests are the points on TAP's outermost level. */
export interface TapResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

/** Counts the outermost points of TAP. Points that are skipped or TODO neither pass nor fail. */
export function countTap(output: string): TapResult {
  let passed = 0;
  let skipped = 0;
  const failures: string[] = [];
  for (const line of output.split('\n')) {
    const match = /^(not )?ok\b(?: \d+)?(?: -)? ?(.*)$/.exec(line);
    if (match) {
      const [, not, text = ''] = match;
      if (/\s#\s*(skip|todo)\b/i.test(` ${text}`)) skipped += 1;
      else if (not) failures.push(text.replace(/\s*#\s*time=.*$/, ''));
      else passed += 1;
    } else if (/^Bail out!/.test(line)) failures.push(line);
  }
  return { passed, failed: failures.length, skipped, failures };
}

/**
 * Counts the points, and one more failure for a file that failed otherwise, ran out of time or has
 * no test.
 */
export function judge(
  output: string,
  ending: { readonly code: number | string; readonly timedOut: boolean; readonly limitMs: number },
): TapResult {
  const counted = countTap(output);
  const fault = ending.timedOut
    ? `was killed after ${ending.limitMs / 1000} s`
    : ending.code !== 0 && counted.failed === 0
      ? `ended with ${ending.code}`
      : counted.passed + counted.failed + counted.skipped === 0
        ? 'has no test'
        : undefined;
  if (fault === undefined) return counted;
  return { ...counted, failed: counted.failed + 1, failures: [...counted.failures, fault] };
}

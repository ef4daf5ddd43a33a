/** What the doctor found out about one thing. A `problem` keeps the node agent from working. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly message: string;
  /** What to do. Undefined: nothing. */
  readonly remedy?: string;
}

const MARKS = { ok: '✓', warning: '!', problem: '✗' } as const;

/** Returns the report for the operator, one line for each finding and one for its remedy. */
export function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, level, message, remedy }) => [
    `${MARKS[level]} ${check.padEnd(width)}  ${message}`,
    ...(remedy === undefined ? [] : [`  ${' '.repeat(width)}  → ${remedy}`]),
  ]);
  return lines.join('\n');
}

export const hasProblem = (findings: readonly Finding[]): boolean => findings.some(({ level }) => level === 'problem');

import { visibleText } from './terminal-text.ts';

/**
 * Writes a line to standard output or standard error. On a terminal, control characters are
 * escaped.
 */
export function print(text: string, to: 'stdout' | 'stderr' = 'stdout'): void {
  const stream = process[to];
  stream.write(`${stream.isTTY === true ? visibleText(text) : text}\n`);
}

import { visibleText } from './terminal-text.ts';

/** Writes a line to standard output, or to standard error: on a terminal without anything that a terminal would act on. */
export function print(text: string, to: 'stdout' | 'stderr' = 'stdout'): void {
  const stream = process[to];
  stream.write(`${stream.isTTY === true ? visibleText(text) : text}\n`);
}

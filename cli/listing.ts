import { type Io, table } from './io.ts';

/**
 * Prints a list as JSON, with everything the server sent, or as a table. An empty table is a note
 * on standard error.
 */
export function printList<T>(
  io: Io,
  found: readonly T[],
  {
    json = false,
    none,
    columns,
    row,
  }: Readonly<{ json?: boolean | undefined; none: string; columns: readonly string[]; row: (item: T) => readonly string[] }>,
): void {
  if (json) io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else if (found.length === 0) io.stderr.line(none);
  else io.stdout.write(table([columns, ...found.map(row)]));
}

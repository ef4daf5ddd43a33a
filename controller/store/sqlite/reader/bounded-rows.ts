/** Each UTF-16 unit becomes at most six bytes of JSON: a control character does. */
import { MIN_ITEMS } from '../../../contract/pages.ts';
import type { SqlRow } from '../columns.ts';

const MAX_BYTES_PER_UNIT = 6;
/** For a number, a boolean, null, and the quotes, colon and comma around a value. */
const AROUND_A_VALUE = 24;

/**
 * The rows until their JSON would exceed `maxBytes`, and the first {@link MIN_ITEMS} in any case. Rows are read one by one, so what follows the
 * last one is never in memory.
 */
export function rowsWithin(rows: Iterable<SqlRow>, maxBytes: number): SqlRow[] {
  const kept: SqlRow[] = [];
  let bytes = 0;
  // An upper bound is enough until it is reached; then the size is counted exactly.
  let isExact = false;
  for (const row of rows) {
    bytes += isExact ? jsonBytes(row) : maxJsonBytes(row);
    if (!isExact && bytes > maxBytes) {
      isExact = true;
      bytes = jsonBytes(row);
      for (const known of kept) bytes += jsonBytes(known);
    }
    if (bytes > maxBytes && kept.length >= MIN_ITEMS) break;
    kept.push(row);
  }
  return kept;
}

const jsonBytes = (row: SqlRow): number => Buffer.byteLength(JSON.stringify(row));

function maxJsonBytes(row: SqlRow): number {
  let bytes = 0;
  for (const name in row) {
    const value = row[name];
    bytes += name.length + AROUND_A_VALUE + (typeof value === 'string' ? value.length * MAX_BYTES_PER_UNIT : 0);
  }
  return bytes;
}

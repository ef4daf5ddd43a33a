import { MIN_ITEMS } from '../../../contract/pages.ts';
import type { SqlRow } from '../columns.ts';

/** A UTF-16 unit becomes at most six bytes of JSON: a control character does. */
const MAX_BYTES_PER_UNIT = 6;
/** For a number, a boolean or null, and the quotes, colon and comma around a value. */
const VALUE_OVERHEAD_BYTES = 24;

/**
 * Returns rows until their JSON would exceed `maxBytes`, and at least {@link MIN_ITEMS}. Rows are
 * read one by one, so later ones are never in memory.
 */
export function rowsWithin(rows: Iterable<SqlRow>, maxBytes: number): SqlRow[] {
  const kept: SqlRow[] = [];
  let bytes = 0;
  // Counts an upper bound until it is reached, then the exact size.
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
    bytes += name.length + VALUE_OVERHEAD_BYTES + (typeof value === 'string' ? value.length * MAX_BYTES_PER_UNIT : 0);
  }
  return bytes;
}

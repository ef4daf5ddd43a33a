/** The keys of raworc.json. Others are ignored, for other tools can have keys of their own in it. */
const KEYS = [
  ...['runtime', 'handler', 'description', 'purpose', 'capabilities', 'idempotent', 'timeout_s', 'memory_bytes', 'concurrency'],
  ...['build_command', 'dockerfile', 'base_image'],
];

/** Names without their unit. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['timeout', 'timeout_s'],
  ['timeoutseconds', 'timeout_s'],
  ['memory', 'memory_bytes'],
]);

/** Keys that are looked at, and the longest that can be a slip of a known one. */
const MAX_KEYS = 200;
const MAX_KEY = 20;

/** Returns the keys that look like slips of known ones, each with the known one. */
export function misspelledKeys(fields: Readonly<Record<string, unknown>>): readonly { readonly key: string; readonly meant: string }[] {
  const unknown = Object.keys(fields).filter((key) => !KEYS.includes(key) && key.length <= MAX_KEY);
  return unknown.slice(0, MAX_KEYS).flatMap((key) => {
    const plain = plainly(key);
    const meant = UNITS.get(plain) ?? KEYS.find((one) => distance(plain, plainly(one)) <= one.length / 4);
    return meant === undefined || meant in fields ? [] : [{ key, meant }];
  });
}

const plainly = (key: string) => key.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Letters to insert, remove, replace or swap with their neighbour: Damerau and Levenshtein's distance with adjacent swaps. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= a.length; row += 1) {
    rows.push([row]);
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swapped = isSwap ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY;
      rows[row]?.push(Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + same, swapped));
    }
  }
  return at(a.length, b.length);
}

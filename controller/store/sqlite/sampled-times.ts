/**
 * Times in tables whose numbers grow with time: only those of some numbers are indexed, and the
 * times between two of them are found by reading these few rows.
 */

export const SAMPLE = 64;

/** The condition of the indexes of times. */
export const SAMPLED = `number % ${SAMPLE} = 0`;

/**
 * Returns the parts of an expression for the first number whose time is at least, or after, a given
 * time; null if there is none. The time goes between the parts, twice.
 */
export function firstNumberParts(table: 'events' | 'audit', from: '>=' | '>'): readonly [string, string, string] {
  const before = from === '>=' ? '<' : '<=';
  return [
    `(select number from ${table} where at ${from} `,
    ` and number > coalesce((select number from ${table} where ${SAMPLED} and at ${before} `,
    ` order by at desc, number desc limit 1), (select min(number) - 1 from ${table})) order by number limit 1)`,
  ];
}

/** Returns this expression with two parameters. */
export const firstNumber = (table: 'events' | 'audit', from: '>=' | '>'): string => firstNumberParts(table, from).join('?');

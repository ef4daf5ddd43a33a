const DAY_MS = 86_400_000;
const digits = (count: number): readonly string[] =>
  Array.from({ length: 10 ** count }, (_, number) => String(number).padStart(count, '0'));
const [TWO, THREE] = [digits(2), digits(3)];

/** The last formatted day: the times in a list are mostly from a few days. */
let known = { day: Number.NaN, text: '' };

/**
 * Formats a time as RFC 3339 in UTC with milliseconds. Ten times faster than `toISOString`, which
 * dominated the time of a list.
 */
export function rfc3339(unixMs: number): string {
  const day = Math.floor(unixMs / DAY_MS);
  if (day !== known.day) known = { day, text: new Date(day * DAY_MS).toISOString().slice(0, 'YYYY-MM-DDT'.length) };
  const ms = unixMs - day * DAY_MS;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return `${known.text}${TWO[Math.floor(minutes / 60)]}:${TWO[minutes % 60]}:${TWO[seconds % 60]}.${THREE[ms % 1000]}Z`;
}

export const rfc3339OrNull = (unixMs: number | null): string | null => (unixMs === null ? null : rfc3339(unixMs));

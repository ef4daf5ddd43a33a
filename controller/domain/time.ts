/** RFC 3339 in UTC with milliseconds. */
export const rfc3339 = (unixMs: number): string => new Date(unixMs).toISOString();
export const rfc3339OrNull = (unixMs: number | null): string | null => (unixMs === null ? null : rfc3339(unixMs));

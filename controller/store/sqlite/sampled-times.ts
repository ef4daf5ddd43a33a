/**
 * Matches the numbers whose times are indexed, in tables whose numbers grow with time: the times
 * between two of them are found by reading these few rows. The condition of partial indexes.
 */
export const SAMPLED = 'number % 64 = 0';

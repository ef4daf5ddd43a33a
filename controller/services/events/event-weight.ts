import type { StoredEvent } from '../../domain/events/events.ts';

/** What an event without any text still costs in memory. */
const BARE_BYTES = 256;

/** About how many bytes an event takes in memory, without encoding it: what bounds in bytes count where the size in the store is not known. */
export const weightOf = (event: StoredEvent): number => BARE_BYTES + weight(event.data);

function weight(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let sum = 16;
  for (const [field, inner] of Object.entries(value)) sum += field.length + weight(inner);
  return sum;
}

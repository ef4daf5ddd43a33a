import type { StoredEvent } from '../../domain/events/events.ts';

/** Memory that an event without any text takes. */
const BARE_BYTES = 256;

/**
 * Estimates the memory of an event without encoding it, for bounds where the stored size is
 * unknown.
 */
export const weightOf = (event: StoredEvent): number => BARE_BYTES + weight(event.data);

function weight(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let sum = 16;
  for (const [field, inner] of Object.entries(value)) sum += field.length + weight(inner);
  return sum;
}

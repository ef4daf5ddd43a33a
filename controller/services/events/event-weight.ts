import type { StoredEvent } from '../../domain/events/events.ts';

/** Memory that an event without any text takes. */
const BARE_BYTES = 256;

/** Several lists weigh each event, when they take and when they drop it. */
const WEIGHTS = new WeakMap<StoredEvent, number>();

/**
 * Estimates the memory of an event without encoding it, for bounds where the stored size is
 * unknown.
 */
export function weightOf(event: StoredEvent): number {
  const known = WEIGHTS.get(event);
  if (known !== undefined) return known;
  const found = BARE_BYTES + weight(event.data);
  WEIGHTS.set(event, found);
  return found;
}

function weight(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let sum = 16;
  for (const [field, inner] of Object.entries(value)) sum += field.length + weight(inner);
  return sum;
}

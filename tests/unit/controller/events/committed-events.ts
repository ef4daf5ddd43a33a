import type { EventLog } from '../../../../controller/domain/events/event-log.ts';
import type { StoredEvent } from '../../../../controller/domain/events/events.ts';

/** Every event after that number. */
export async function committedEvents(log: Pick<EventLog, 'after'>, after = 0): Promise<readonly StoredEvent[]> {
  return (await log.after(after, { limit: 1_000_000, maxBytes: 2 ** 40 })).events;
}

import type { QueueRow } from './rows.ts';

/** The reason in the answer to a cancelled message. The guest has the same. */
export const CANCELLED = { reason: 'cancelled', content: 'The message was cancelled before it was answered.' } as const;

/** The controller answers the message in its turn; no guest has it. */
export const asCancelled = (queued: QueueRow): QueueRow => ({ ...queued, agent: null, refusal: CANCELLED });

import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../domain/events.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import type { EventIds } from '../services/event-ids.ts';

/** Where a client that sends this Last-Event-ID stands; undefined for none. */
export function positionIn(ids: EventIds, lastEventId: string): Outcome<EventPosition | undefined> {
  if (lastEventId === '') return accepted(undefined);
  const position = ids.read(lastEventId);
  return position === undefined ? refused('BAD_REQUEST', 'Last-Event-ID is none of this server') : accepted(position);
}

// One event goes to many watchers, and is spelled once.
const spelled = new WeakMap<StoredEvent, string>();

/** `number` is the session's own, null for what belongs to no session. */
export function eventFrame(ids: EventIds, event: StoredEvent, position: EventPosition): string {
  const known = spelled.get(event);
  if (known !== undefined) return known;
  const data = {
    ...event.data,
    number: event.sessionNumber,
    type: event.type,
    session_id: event.sessionId,
    space: event.data.space ?? event.spaceId,
    at: new Date(event.at).toISOString(),
  };
  const frame = `id: ${ids.spell(position)}\nevent: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`;
  spelled.set(event, frame);
  return frame;
}

/** Without an id: partial output is never sent again, the answer replaces it. */
export function deltaFrame({ sessionId, messageId, runId, agent, number, text }: DeltaNews): string {
  return `event: delta\ndata: ${JSON.stringify({ session_id: sessionId, message_id: messageId, run_id: runId, agent, number, text })}\n\n`;
}

export function logFrame({ sessionId, runId, agent, stream, line, at, dropped }: LogNews): string {
  const timestamp = new Date(at).toISOString();
  return `event: log\ndata: ${JSON.stringify({ session_id: sessionId, run_id: runId, agent, stream, line, timestamp, dropped })}\n\n`;
}

export function resetFrame(ids: EventIds, position: EventPosition): string {
  return `id: ${ids.spell(position)}\nevent: reset\ndata: {"type":"reset"}\n\n`;
}

export const HELLO_FRAME = 'retry: 1000\n: raworc events\n\n';
export const PING_FRAME = ': ping\n\n';

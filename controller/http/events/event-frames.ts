import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../../domain/events/events.ts';
import type { EventIds } from '../../services/events/event-ids.ts';

/** Returns the position of a Last-Event-ID. Refuses an id of another server. */
export function positionIn(ids: EventIds, lastEventId: string): Outcome<EventPosition | undefined> {
  if (lastEventId === '') return accepted(undefined);
  const position = ids.read(lastEventId);
  return position === undefined
    ? refused('BAD_REQUEST', 'Last-Event-ID is not an id from this server. Omit it to start with the next event.')
    : accepted(position);
}

/** Encodes each event once for all watchers, whose sockets share the bytes. */
function once<Thing extends object>(encode: (thing: Thing) => string): (thing: Thing) => Buffer {
  const known = new WeakMap<Thing, Buffer>();
  return (thing) => {
    const frame = known.get(thing) ?? Buffer.from(encode(thing));
    known.set(thing, frame);
    return frame;
  };
}

export interface EventFrames {
  /** `number` counts within the session; null for events outside sessions. */
  event(event: StoredEvent, position: EventPosition): Buffer;
  /** Without an id: partial output is not replayed, since the answer replaces it. */
  delta(delta: DeltaNews): Buffer;
  log(line: LogNews): Buffer;
  /** Log lines that are missing where no line follows. */
  dropped(count: number): Buffer;
  reset(position: EventPosition): Buffer;
}

export function eventFrames(ids: EventIds): EventFrames {
  const events = new WeakMap<StoredEvent, Buffer>();
  return {
    event(event, position) {
      const frame = events.get(event) ?? Buffer.from(eventText(ids, event, position));
      events.set(event, frame);
      return frame;
    },
    delta: once(deltaText),
    log: once(logText),
    dropped: (count) => Buffer.from(`event: dropped\ndata: ${JSON.stringify({ dropped: count })}\n\n`),
    reset: (position) => Buffer.from(`id: ${ids.spell(position)}\nevent: reset\ndata: {"type":"reset"}\n\n`),
  };
}

function eventText(ids: EventIds, event: StoredEvent, position: EventPosition): string {
  const data = {
    ...event.data,
    number: event.sessionNumber,
    type: event.type,
    session_id: event.sessionId,
    space: event.data.space ?? event.spaceId,
    at: new Date(event.at).toISOString(),
  };
  return `id: ${ids.spell(position)}\nevent: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function deltaText({ sessionId, messageId, runId, agent, number, text }: DeltaNews): string {
  return `event: delta\ndata: ${JSON.stringify({ session_id: sessionId, message_id: messageId, run_id: runId, agent, number, text })}\n\n`;
}

function logText({ sessionId, runId, agent, stream, line, at, dropped }: LogNews): string {
  const timestamp = new Date(at).toISOString();
  return `event: log\ndata: ${JSON.stringify({ session_id: sessionId, run_id: runId, agent, stream, line, timestamp, dropped })}\n\n`;
}

export const HELLO_FRAME = Buffer.from('retry: 1000\n: raworc events\n\n');
export const PING_FRAME = Buffer.from(': ping\n\n');

import { z } from 'zod';
import type { Log } from '../../seams/log.ts';
import type { SessionId, SpaceId } from '../domain/engine/ids.ts';
import { type DeltaNews, EVENT_TYPE, type EventPosition, type EventType, type StoredEvent } from '../domain/events/events.ts';
import type { News, NewsListener } from '../services/events/news.ts';
import type { Bus } from './bus.ts';
import { DELTAS, deltaSubject, EVENTS, eventSubject, NEWEST } from './subjects.ts';

/**
 * News as JSON on the subjects of `subjects.ts`. Payloads from the bus are untrusted: invalid ones
 * are dropped.
 */
export function newsOnBus(bus: Bus, log: Log): News {
  const send = (subject: string, payload: unknown) => bus.publish(subject, encode(payload));
  return {
    get connected() {
      return bus.connected;
    },
    event(epoch, event) {
      const payload = encodeEvent(epoch, event);
      if (payload.byteLength > bus.maxPayloadBytes) return 'too large';
      return bus.publish(eventSubject(event), payload) ? 'sent' : 'refused';
    },
    newest: (position) => send(NEWEST, position),
    delta: (delta) => send(deltaSubject(delta), wireDelta(delta)),
    flush: (signal) => bus.flush(signal),
    onState: (listener) => bus.onState(listener),
    listen: (listener) => listen(bus, log, listener),
  };
}

function listen(bus: Bus, log: Log, listener: NewsListener): { close(): void } {
  const read = <T>(pattern: string, schema: z.ZodType<T>, take: (news: T) => void) =>
    bus.subscribe(pattern, (subject, payload) => {
      const news = decode(schema, payload);
      if (news === undefined) log.warn('bus.unreadable', { subject, bytes: payload.byteLength });
      else take(news);
    });
  const subscriptions = [
    read(EVENTS, eventNews, ({ epoch, event }) => listener.event(epoch, event)),
    read(NEWEST, newestNews, (position) => listener.newest(position)),
    read(DELTAS, deltaNews, (delta) => listener.delta(delta)),
  ];
  return {
    close() {
      for (const subscription of subscriptions) subscription.close();
    },
  };
}

export function encodeEvent(epoch: number, event: StoredEvent): Uint8Array {
  return encode({
    epoch,
    number: event.number,
    session_number: event.sessionNumber,
    type: event.type,
    space_id: event.spaceId,
    session_id: event.sessionId,
    at: new Date(event.at).toISOString(),
    data: event.data,
  });
}

const wireDelta = (delta: DeltaNews) => ({
  space_id: delta.spaceId,
  session_id: delta.sessionId,
  message_id: delta.messageId,
  run_id: delta.runId,
  agent: delta.agent,
  number: delta.number,
  text: delta.text,
});

const isId = (value: unknown): value is string => typeof value === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(value);
const spaceId = z.custom<SpaceId>(isId);
const sessionId = z.custom<SessionId>(isId);
// Match the form instead of a list, so that a newer controller on the same bus can publish new
// types.
const eventType = z.custom<EventType>((value) => typeof value === 'string' && value.length <= 64 && EVENT_TYPE.test(value));
const count = z.number().int().nonnegative();
const time = z.iso.datetime().transform((text) => Date.parse(text));

const eventNews = z
  .object({
    epoch: count,
    number: count,
    session_number: count.nullable(),
    type: eventType,
    space_id: spaceId.nullable(),
    session_id: sessionId.nullable(),
    at: time,
    data: z.record(z.string(), z.unknown()),
  })
  .transform((news): { epoch: number; event: StoredEvent } => ({
    epoch: news.epoch,
    event: {
      number: news.number,
      sessionNumber: news.session_number,
      type: news.type,
      spaceId: news.space_id,
      sessionId: news.session_id,
      at: news.at,
      data: news.data,
    },
  }));

const newestNews: z.ZodType<EventPosition> = z.object({ epoch: count, number: count });

const run = { space_id: spaceId, session_id: sessionId, run_id: z.string(), agent: z.string() };

const deltaNews = z.object({ ...run, message_id: z.string(), number: count, text: z.string() }).transform(
  (news): DeltaNews => ({
    spaceId: news.space_id,
    sessionId: news.session_id,
    messageId: news.message_id,
    runId: news.run_id,
    agent: news.agent,
    number: news.number,
    text: news.text,
  }),
);

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const encode = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));

function decode<T>(schema: z.ZodType<T>, payload: Uint8Array): T | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(decoder.decode(payload)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

import { CertificateRefused } from './certificate-refused.ts';
import { type Environment, sleep } from './environment.ts';
import { Unreachable } from './errors.ts';
import type { Build, Message, Session } from './generated/types.gen.ts';
import { frames } from './server-sent-events.ts';
import type { TokenSource } from './token-source.ts';
import type { Transport } from './transport.ts';

/**
 * An item of a feed.
 * - `event`: an event, of a type such as session.state, message.created or build.state. `delta` (a
 *   piece of an answer) and `log` (a line that an agent printed) have no id and are never repeated.
 * - `resumed`: the stream was interrupted and continues. No event is missing; deltas and log lines
 *   can be.
 * - `reset`: events are missing, because the server no longer has them or was restored. Read the
 *   state itself.
 */
export type FeedItem =
  | { readonly kind: 'event'; readonly type: string; readonly id: string | undefined; readonly data: EventData }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'reset' };

/** The data of an event: its subject, under the subject's name, and these fields. */
export interface EventData {
  readonly session_id?: string | null;
  readonly space?: string | null;
  /** RFC 3339 */
  readonly at?: string;
  /** The number of the event within its session, from 1. */
  readonly number?: number | null;
  readonly [field: string]: unknown;
}

/**
 * A piece of an unfinished answer, numbered within its run from 1. The answer replaces all pieces.
 */
export interface Delta {
  readonly message_id: string;
  readonly run_id: string;
  readonly agent: string;
  readonly number: number;
  readonly text: string;
}

/** A line that an agent printed. `dropped` lines before it were lost. */
export interface LogLine {
  readonly session_id: string;
  readonly run_id: string;
  readonly agent: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
  readonly timestamp: string;
  readonly dropped?: number;
}

/** A line of a build's log. `stage` is null for lines of the controller. */
export interface BuildLogLine {
  readonly line: string;
  readonly stage: string | null;
  readonly timestamp: string;
}

/** A stream of events. It begins when it is opened, not with the first `next`. */
export interface EventFeed extends AsyncIterable<FeedItem> {
  /**
   * Resolves with the next item; undefined once the followed session is deleted, or the followed
   * build has ended. Throws if the server refuses or stays away.
   */
  next(): Promise<FeedItem | undefined>;
  close(): Promise<void>;
}

export interface FeedOptions {
  /** Continues after this event. */
  readonly lastEventId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a feed needs. */
export interface Wire {
  readonly transport: Transport;
  readonly tokens: TokenSource;
  readonly environment: Environment;
}

const RETRY_MS = 1_000;
const MAX_RETRY_MS = 10_000;

/**
 * Follows a stream of server-sent events and reconnects by itself. Resolves once the server has
 * accepted the stream.
 */
export async function openFeed(wire: Wire, path: string, { lastEventId, signal }: FeedOptions = {}): Promise<EventFeed> {
  const closing = new AbortController();
  const ending = AbortSignal.any([closing.signal, wire.transport.signal, ...(signal === undefined ? [] : [signal])]);
  const items = follow(wire, path, lastEventId, await connect(wire, path, lastEventId, ending), ending);
  return {
    next: async () => (await items.next()).value ?? undefined,
    async close() {
      closing.abort();
      await items.return().catch(() => undefined);
    },
    [Symbol.asyncIterator]: () => items,
  };
}

function connect({ transport, tokens }: Wire, path: string, lastId: string | undefined, signal: AbortSignal): Promise<Response> {
  const headers = { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
  return transport.send({ method: 'GET', path, headers, signal }, tokens, async (response) => response);
}

async function* follow(
  wire: Wire,
  path: string,
  after: string | undefined,
  first: Response,
  signal: AbortSignal,
): AsyncGenerator<FeedItem, void> {
  const { environment } = wire;
  let response = first;
  let lastId = after;
  let retryMs = RETRY_MS;
  let cuts = 0;
  for (;;) {
    try {
      for await (const { id, event, data } of frames(response, environment, signal, (ms) => (retryMs = ms))) {
        lastId = id ?? lastId;
        cuts = 0;
        if (event === 'reset') yield { kind: 'reset' };
        else yield { kind: 'event', type: event, id, data: fieldsIn(data) };
        if (event === 'end') return;
        if (event === 'session.deleted' && path.startsWith('/sessions/')) return;
      }
    } catch (error) {
      if (!(error instanceof Unreachable) || error instanceof CertificateRefused) throw error;
    }
    cuts += 1;
    await sleep(environment, environment.random() * Math.min(MAX_RETRY_MS, retryMs * 2 ** (cuts - 1)), signal);
    response = await connect(wire, path, lastId, signal);
    // Without an id to continue from, events in between are not sent.
    yield { kind: lastId === undefined ? 'reset' : 'resumed' };
  }
}

const isFields = (value: unknown): value is EventData => typeof value === 'object' && value !== null && !Array.isArray(value);

function fieldsIn(data: string): EventData {
  try {
    const value: unknown = JSON.parse(data);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

/**
 * Returns the session, message or build in an event, or undefined if the event has another subject.
 */
export const sessionIn = (item: FeedItem): Session | undefined => shownIn<Session>(item, 'session');
export const messageIn = (item: FeedItem): Message | undefined => shownIn<Message>(item, 'message');
export const buildIn = (item: FeedItem): Build | undefined => shownIn<Build>(item, 'build');

function shownIn<T>(item: FeedItem, name: string): T | undefined {
  const shown = item.kind === 'event' ? item.data[name] : undefined;
  // The server's data is trusted, as in the responses of calls.
  return isFields(shown) ? (shown as unknown as T) : undefined;
}

export const deltaIn = (item: FeedItem): Delta | undefined =>
  item.kind === 'event' && item.type === 'delta' ? (item.data as unknown as Delta) : undefined;
export const logLineIn = (item: FeedItem): LogLine | undefined =>
  item.kind === 'event' && item.type === 'log' ? (item.data as unknown as LogLine) : undefined;
/** The same for the feed of a build's log. */
export const buildLogLineIn = (item: FeedItem): BuildLogLine | undefined =>
  item.kind === 'event' && item.type === 'log' ? (item.data as unknown as BuildLogLine) : undefined;

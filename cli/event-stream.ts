import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, Unreachable } from './client.ts';
import { patiently } from './patience.ts';

export type Heard =
  | { readonly kind: 'event'; readonly type: string; readonly data: unknown }
  /** Something may have been missed: look at the state itself. */
  | { readonly kind: 'again' };

const RETRY_MS = 1_000;

/** News as it comes. */
export interface EventFeed {
  next(): Promise<Heard>;
  close(): Promise<void>;
}

/**
 * Follows a stream of server-sent events. Resolves once the server has taken the watcher, so that nothing after that is missed.
 * It reconnects with the last id; `next` rejects when the server refuses, is gone for half a minute, or the feed is closed.
 */
export async function openEvents(client: Client, path: string): Promise<EventFeed> {
  const closing = new AbortController();
  const heard = follow(client, path, await connect(client, path, '', closing.signal), closing.signal);
  return {
    async next() {
      const { done, value } = await heard.next();
      if (done === true) throw new Error('the feed is closed');
      return value;
    },
    async close() {
      closing.abort();
      await heard.return().catch(() => undefined);
    },
  };
}

const connect = (client: Client, path: string, lastId: string, signal: AbortSignal): Promise<Response> =>
  client.fetch(path, { headers: { accept: 'text/event-stream', ...(lastId === '' ? {} : { 'last-event-id': lastId }) }, signal });

async function* follow(client: Client, path: string, first: Response, signal: AbortSignal): AsyncGenerator<Heard, void> {
  let response = first;
  let lastId = '';
  for (;;) {
    try {
      for await (const frame of frames(response)) {
        lastId = frame.id ?? lastId;
        if (frame.event === 'reset') yield { kind: 'again' };
        else yield { kind: 'event', type: frame.event, data: frame.data };
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
    response = await reconnect(client, path, lastId, signal);
    yield { kind: 'again' };
  }
}

async function reconnect(client: Client, path: string, lastId: string, signal: AbortSignal): Promise<Response> {
  await sleep(RETRY_MS, undefined, { signal });
  return patiently(signal, () => connect(client, path, lastId, signal));
}

interface Frame {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: unknown;
}

/** Ends with the stream; leaving the loop early closes it. */
async function* frames(response: Response): AsyncGenerator<Frame, void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        if (error instanceof Error && error.name === 'AbortError') throw error;
        throw new Unreachable('The stream of events broke off');
      });
      if (done) return;
      const parts = (rest + value).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const frame = frameOf(part);
        if (frame !== undefined) yield frame;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Undefined for comments and what holds no JSON. */
function frameOf(text: string): Frame | undefined {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const [, field = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  if (data.length === 0) return undefined;
  try {
    return { id, event, data: JSON.parse(data.join('\n')) };
  } catch {
    return undefined;
  }
}

import type { News } from '../services/events/news.ts';
import type { Bus } from './bus.ts';
import { DEFAULT_MAX_PAYLOAD_BYTES } from './bus.ts';

/**
 * The bus of a controller without NATS. It has no other subscribers, and a publisher does not
 * receive its own messages.
 */
export function localBus(): Bus {
  let isClosed = false;
  return {
    get connected() {
      return !isClosed;
    },
    maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES,
    refused: 0,
    publish: () => !isClosed,
    subscribe: () => ({ close: () => undefined }),
    onState: () => ({ close: () => undefined }),
    flush: async (signal) => !isClosed && signal?.aborted !== true,
    close: async () => {
      isClosed = true;
    },
  };
}

/** News without other subscribers: encodes nothing. */
export const localNews: News = {
  connected: true,
  event: () => 'sent',
  newest: () => true,
  delta: () => true,
  flush: async (signal) => signal?.aborted !== true,
  onState: () => ({ close: () => undefined }),
  listen: () => ({ close: () => undefined }),
};

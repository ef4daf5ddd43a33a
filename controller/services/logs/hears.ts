import type { StreamedLine } from '../../../proto/streams/log-stream.ts';

/** What was heard of a log last. */
export interface Hearing {
  /** A new stream begins with the lines from this time on. */
  sinceMs: number;
  /** Received lines of the millisecond `sinceMs`. */
  readonly heard: Set<string>;
}

/**
 * Records the newest line of a feed. Returns false for a repeated one, which occurs after a
 * reconnect.
 */
export function hears(feed: Hearing, { agent, runId, stream, line, atMs }: StreamedLine): boolean {
  const text = `${agent} ${runId} ${stream} ${line}`;
  if (atMs !== feed.sinceMs) feed.heard.clear();
  feed.sinceMs = atMs;
  const isNew = !feed.heard.has(text);
  feed.heard.add(text);
  return isNew;
}

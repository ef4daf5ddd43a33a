import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Environment } from './environment.ts';
import { Unreachable } from './errors.ts';

export interface Frame {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** The server sends at least a comment, or a ping, every 15 s. */
const SILENT_MS = 50_000;
/** Ten days are no delay before a reconnect. */
const MAX_RETRY_MS = 9_999_999;

/**
 * The events of a text/event-stream response as they arrive. Ends with the stream; throws
 * Unreachable if it breaks off or falls silent. Leaving the loop early closes the stream. `onRetry`
 * gets the delay that the server asks for before a reconnect.
 */
export async function* frames(
  response: Response,
  { after }: Pick<Environment, 'after'>,
  signal: AbortSignal,
  onRetry: (ms: number) => void,
): AsyncGenerator<Frame, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  const parsed: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (event) => parsed.push(event),
    onRetry: (ms) => ms <= MAX_RETRY_MS && onRetry(ms),
  });
  try {
    for (;;) {
      const { done, value } = await nextPiece(reader, after, signal);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      for (const { id, event = 'message', data } of parsed.splice(0)) yield { id, event, data };
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Resolves to the next piece of a stream on which something comes at least every 15 s. */
export async function nextPiece<Bytes extends Uint8Array>(
  reader: ReadableStreamDefaultReader<Bytes>,
  after: Environment['after'],
  signal: AbortSignal,
) {
  let isSilent = false;
  const cancel = after(SILENT_MS, () => {
    isSilent = true;
    reader.cancel().catch(() => undefined);
  });
  // The request's own signal is derived from this one and may be garbage-collected while the stream
  // lives.
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    const piece = await reader.read();
    if (signal.aborted) throw signal.reason;
    if (isSilent) throw new Unreachable('The event stream stopped responding');
    return piece;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof Unreachable ? error : new Unreachable('The event stream was interrupted', error);
  } finally {
    cancel();
    signal.removeEventListener('abort', stop);
  }
}

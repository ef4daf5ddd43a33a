import type { Outcome } from '../../domain/engine/outcome.ts';
import { ConnectError } from './codes.ts';
import { HEAD_BYTES, lengthIn, MAX_MESSAGE_BYTES, parseJson } from './envelope.ts';
import { type Message, message } from './fields.ts';

/** Counts bytes that are held in memory. */
export interface Held {
  grow(bytes: number): Outcome<unknown>;
  release(): void;
}

/**
 * Yields the messages of a client's stream, each in memory only until the next is asked for. Throws
 * a {@link ConnectError} for malformed or too long ones, and what `refuse` makes of a refusal.
 */
export async function* messagesIn(
  chunks: AsyncIterable<Buffer>,
  open: () => Held,
  refuse: (outcome: Outcome<unknown> & { readonly ok: false }) => ConnectError,
): AsyncGenerator<Message, void> {
  let held = open();
  let parts: Buffer[] = [];
  let [length, needed] = [0, HEAD_BYTES];
  const grow = (bytes: number) => {
    const room = held.grow(bytes);
    if (!room.ok) throw refuse(room);
  };
  try {
    for await (const chunk of chunks) {
      grow(chunk.byteLength);
      parts.push(chunk);
      length += chunk.byteLength;
      while (length >= needed) {
        const whole = Buffer.concat(parts);
        parts = [whole];
        needed = HEAD_BYTES + lengthIn(whole);
        if (needed > HEAD_BYTES + MAX_MESSAGE_BYTES)
          throw new ConnectError('resource_exhausted', `A message is longer than ${MAX_MESSAGE_BYTES} bytes.`);
        if (length < needed) break;
        yield message(parseJson(whole.subarray(HEAD_BYTES, needed)));
        const rest = whole.subarray(needed);
        parts = [rest];
        [length, needed] = [rest.byteLength, HEAD_BYTES];
        held.release();
        held = open();
        grow(length);
      }
    }
    if (length > 0) throw new ConnectError('invalid_argument', 'The request ended within a message.');
  } finally {
    held.release();
  }
}

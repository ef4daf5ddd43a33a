/**
 * A byte stream of kind `shared` carries the short streams of a session, each in a channel of its
 * own (channels.ts): none of them takes a ticket, a call and a connection, nor the round trips of
 * those.
 */
import { StreamError } from './reasons.ts';

export const SHARED = 'shared';
/** What the controller can send on each of its streams before the guest grants more. */
export const SHARED_CREDIT_BYTES = 64 * 1024;

export interface SharedOpen {
  readonly kind: string;
  readonly parametersJson: string;
}

/** Encodes what a channel is opened with: the kind, a newline, and its parameters. */
export const encodeSharedOpen = ({ kind, parametersJson }: SharedOpen): string => `${kind}\n${parametersJson}`;

/** Throws a {@link StreamError} for anything else. */
export function decodeSharedOpen(text: string): SharedOpen {
  const end = text.indexOf('\n');
  if (end < 1 || end > 64) throw new StreamError('protocol', 'A shared stream was opened without a kind.');
  return { kind: text.slice(0, end), parametersJson: text.slice(end + 1) };
}

/** Reasons why a byte stream was refused or ended early, each with its default message. */
export const STREAM_REASONS = {
  cancelled: 'The other end cancelled the stream.',
  failed: 'The other end of the stream failed.',
  protocol: 'The other end violated the byte stream protocol.',
  expired: 'The stream was not opened in time.',
  unknown_kind: 'The session does not support this kind of stream.',
  too_many: 'Too many streams are open. Close some, then retry.',
  guest_lost: 'The session stopped answering.',
  node_lost: 'The connection to the node was lost.',
  controller_lost: 'The connection to the controller was lost.',
  session_ended: 'The session was stopped, moved or deleted.',
} as const;
export type StreamReason = keyof typeof STREAM_REASONS;

export const isStreamReason = (word: string): word is StreamReason => Object.hasOwn(STREAM_REASONS, word);

/** A byte stream ended before both directions were closed. */
export class StreamError extends Error {
  readonly reason: StreamReason;

  constructor(reason: StreamReason, message: string = STREAM_REASONS[reason]) {
    super(message);
    this.name = 'StreamError';
    this.reason = reason;
  }
}

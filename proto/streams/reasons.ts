/** Why a byte stream was refused or ended early, and what to tell a person where nobody said more. */
export const STREAM_REASONS = {
  cancelled: 'The other end no longer wants the stream.',
  failed: 'The other end failed.',
  protocol: 'The other end broke the protocol of byte streams.',
  expired: 'The stream was not opened in time.',
  unknown_kind: 'The session does not know this kind of stream.',
  too_many: 'Too many streams are open. Close some, then try again.',
  guest_lost: 'The session stopped answering.',
  node_lost: 'The connection to the node was lost.',
  controller_lost: 'The connection to the controller was lost.',
  session_ended: 'The session was stopped, moved or deleted.',
} as const;
export type StreamReason = keyof typeof STREAM_REASONS;

export const isStreamReason = (word: string): word is StreamReason => Object.hasOwn(STREAM_REASONS, word);

/** A byte stream ended before both ends had said all. */
export class StreamError extends Error {
  readonly reason: StreamReason;

  constructor(reason: StreamReason, message: string = STREAM_REASONS[reason]) {
    super(message);
    this.name = 'StreamError';
    this.reason = reason;
  }
}

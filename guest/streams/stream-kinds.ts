import type { ByteStream } from '../../proto/streams/byte-stream.ts';

/**
 * Handles streams of one kind. It is called once the stream is open, and closes both directions or
 * lets the reader close them. If it throws, the stream is reset, with the reason of a StreamError.
 */
export type StreamHandler = (stream: ByteStream, parameters: unknown) => Promise<void> | void;

/** Handlers by the kind that the controller requests. */
export type StreamKinds = Readonly<Record<string, StreamHandler>>;

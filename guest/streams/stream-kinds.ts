import type { ByteStream } from '../../proto/streams/byte-stream.ts';

/**
 * What the guest connects a stream of one kind to. It is called once the stream is open, and ends both directions, or lets the reader do so.
 * What it throws resets the stream; a StreamError with its reason.
 */
export type StreamHandler = (stream: ByteStream, parameters: unknown) => Promise<void> | void;

/** By kind, as the controller names it. */
export type StreamKinds = Readonly<Record<string, StreamHandler>>;

import type { OpenStream__Output as OpenStream } from '../../proto/generated/raworc/v0/OpenStream.ts';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

/**
 * Handles streams of one kind. It is called once the stream is open, and closes both directions or
 * lets the reader close them. If it throws, the stream is reset, with the reason of a StreamError.
 */
export type StreamHandler = (stream: ByteStream, parameters: unknown) => Promise<void> | void;

/** Handlers by the kind that the controller requests. */
export type StreamKinds = Readonly<Record<string, StreamHandler>>;

/**
 * Passes a stream on to another process of the session, frame by frame. Resolves once the stream has
 * ended and `link` is closed. If it throws, the stream is reset.
 */
export type StreamRelay = (link: StreamLink, open: Pick<OpenStream, 'parametersJson' | 'credit'>) => Promise<void>;

import diagnostics from 'node:diagnostics_channel';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { serverLink } from '../../proto/grpc-link.ts';
import { byteStreamMethod, registryMethod } from '../../proto/node-service.ts';
import { STREAM_FLUSH_MS, type StreamLink, streamFrames } from '../../proto/streams/stream-frame.ts';
import type { Clock } from '../../seams/clock.ts';

/**
 * Flow-control windows of a node's byte-stream connection and of each stream. HTTP/2's default of
 * 64 KiB allows one window per round trip: 1 MB/s over 60 ms.
 */
const CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024;
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;

const CREATED = 'http2.server.stream.created';

/**
 * Returns the link of a ByteStream call. `cutOff` ends the connection of a node that does not
 * finish a call.
 */
export function streamLinkOf(call: ServerDuplexStream<Buffer, Buffer>, cutOff: () => void, clock: Clock): StreamLink {
  return serverLink(call, cutOff, { outgoing: streamFrames, incoming: streamFrames, clock, lingerMs: STREAM_FLUSH_MS });
}

/** Connections that carry bulk data, and no control stream. */
const BULK: ReadonlySet<unknown> = new Set([byteStreamMethod.path, registryMethod.path]);

/** Widens the windows of connections with bulk data until closed. grpc-js has no setting for it. */
export function widenWindows(): { close(): void } {
  const widened = new WeakSet<Http2Session>();
  const widen = (message: unknown) => {
    if (!isCreated(message) || !BULK.has(message.headers[':path'])) return;
    const { session } = message.stream;
    if (session === undefined || widened.has(session)) return;
    widened.add(session);
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.settings({ initialWindowSize: STREAM_WINDOW_BYTES });
  };
  diagnostics.subscribe(CREATED, widen);
  return { close: () => void diagnostics.unsubscribe(CREATED, widen) };
}

function isCreated(
  message: unknown,
): message is { readonly stream: ServerHttp2Stream; readonly headers: Readonly<Record<string, unknown>> } {
  return typeof message === 'object' && message !== null && 'stream' in message && 'headers' in message;
}

import type { Duplex } from 'node:stream';
import { clientLink } from '../../proto/grpc-link.ts';
import { byteStreamMethod, registryMethod } from '../../proto/node-service.ts';
import { clientBytes } from '../../proto/streams/call-bytes.ts';
import { STREAM_FLUSH_MS, type StreamLink, streamFrames } from '../../proto/streams/stream-frame.ts';
import { CallConnection, type CallConnectionDeps } from './call-connection.ts';

/**
 * Calls that carry bulk data: byte streams of sessions, and connections to the registry of images.
 * Each kind has a connection of its own.
 */
export class BulkCalls {
  readonly #deps: CallConnectionDeps;
  readonly #streams: CallConnection;
  readonly #registry: CallConnection;

  constructor(deps: CallConnectionDeps) {
    this.#deps = deps;
    this.#streams = new CallConnection(deps);
    this.#registry = new CallConnection(deps);
  }

  /** Opens a call for one byte stream; see {@link CallConnection.open}. */
  async stream(signal: AbortSignal): Promise<StreamLink> {
    signal.throwIfAborted();
    const { path, serialize, deserialize } = byteStreamMethod;
    const { call, link } = this.#streams.open((client) => {
      const call = client.makeBidiStreamRequest(path, serialize, deserialize);
      const link = clientLink(call, {
        outgoing: streamFrames,
        incoming: streamFrames,
        clock: this.#deps.clock,
        lingerMs: STREAM_FLUSH_MS,
      });
      return { call, link, close: () => link.close() };
    });
    const abort = () => link.close();
    signal.addEventListener('abort', abort);
    call.once('status', () => signal.removeEventListener('abort', abort));
    return link;
  }

  /** Opens one HTTP connection to the registry. Throws while nothing can be dialled. */
  registry(): Duplex {
    const { path, requestSerialize, responseDeserialize } = registryMethod;
    return this.#registry.open((client) => {
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      const bytes = clientBytes(call);
      return { call, bytes, close: () => void bytes.destroy() };
    }).bytes;
  }

  close(): void {
    this.#streams.close();
    this.#registry.close();
  }
}

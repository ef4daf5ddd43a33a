import { type Client, status } from '@grpc/grpc-js';
import { clientLink } from '../../proto/grpc-link.ts';
import { byteStreamMethod } from '../../proto/node-service.ts';
import { STREAM_FLUSH_MS, type StreamLink, streamFrames } from '../../proto/streams/stream-frame.ts';
import type { Clock, Timer } from '../../seams/clock.ts';

/** How long the connection stays open without a stream. */
const IDLE_MS = 60_000;

export interface StreamConnectionDeps {
  readonly clock: Clock;
  /** A new connection. Throws while nothing can be dialled. */
  client(): Client;
  /** Identifies controller and certificate: another key needs a new connection. */
  key(): string;
}

interface Connection {
  readonly client: Client;
  readonly key: string;
  readonly links: Set<StreamLink>;
  idle: Timer | undefined;
}

/**
 * One connection for all byte streams of the node and nothing else, so that no control frame ever
 * waits behind their bytes. It is dialled for the first stream, and closed a while after the last.
 */
export class StreamConnection {
  readonly #deps: StreamConnectionDeps;
  readonly #all = new Set<Connection>();
  #newest: Connection | undefined;

  constructor(deps: StreamConnectionDeps) {
    this.#deps = deps;
  }

  /**
   * Opens a call that carries one byte stream. It returns at once; if the controller cannot be
   * reached, the link closes with a fault.
   */
  async open(signal: AbortSignal): Promise<StreamLink> {
    signal.throwIfAborted();
    const { clock } = this.#deps;
    const connection = this.#now();
    const { path, serialize, deserialize } = byteStreamMethod;
    const call = connection.client.makeBidiStreamRequest(path, serialize, deserialize);
    const link = clientLink(call, { outgoing: streamFrames, incoming: streamFrames, clock, lingerMs: STREAM_FLUSH_MS });
    const abort = () => link.close();
    connection.idle?.cancel();
    connection.links.add(link);
    signal.addEventListener('abort', abort);
    call.once('status', ({ code }) => {
      signal.removeEventListener('abort', abort);
      connection.links.delete(link);
      // The library would wait longer and longer before it dials again.
      if (code === status.UNAVAILABLE) this.#retire(connection);
      else if (connection.links.size === 0) this.#rest(connection);
    });
    return link;
  }

  close(): void {
    for (const connection of [...this.#all]) {
      for (const link of connection.links) link.close();
      this.#all.delete(connection);
      connection.idle?.cancel();
      connection.client.close();
    }
    this.#newest = undefined;
  }

  #now(): Connection {
    const key = this.#deps.key();
    if (this.#newest?.key === key) return this.#newest;
    if (this.#newest !== undefined) this.#retire(this.#newest);
    const connection: Connection = { client: this.#deps.client(), key, links: new Set(), idle: undefined };
    this.#all.add(connection);
    this.#newest = connection;
    return connection;
  }

  #rest(connection: Connection): void {
    if (connection !== this.#newest) return this.#end(connection);
    connection.idle = this.#deps.clock.after(IDLE_MS, () => this.#end(connection));
  }

  /** Accepts no new streams; open ones continue. */
  #retire(connection: Connection): void {
    if (this.#newest === connection) this.#newest = undefined;
    if (connection.links.size === 0) this.#end(connection);
  }

  #end(connection: Connection): void {
    if (this.#newest === connection) this.#newest = undefined;
    connection.idle?.cancel();
    this.#all.delete(connection);
    connection.client.close();
  }
}

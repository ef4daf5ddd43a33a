import { type Client, type StatusObject, status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../seams/clock.ts';

/** How long the connection stays open without a call. */
const IDLE_MS = 60_000;

export interface CallConnectionDeps {
  readonly clock: Clock;
  /** A new connection. Throws while nothing can be dialled. */
  client(): Client;
  /** Identifies controller and certificate: another key needs a new connection. */
  key(): string;
}

/** A call with bulk data, and what closes it. */
export interface BulkCall {
  readonly call: { once(event: 'status', listener: (status: StatusObject) => void): unknown };
  close(): void;
}

interface Connection {
  readonly client: Client;
  readonly key: string;
  readonly calls: Set<BulkCall>;
  idle: Timer | undefined;
}

/**
 * One connection for all calls of one kind and nothing else, so that no control frame ever waits
 * behind their bytes. It is dialled for the first call, and closed a while after the last.
 */
export class CallConnection {
  readonly #deps: CallConnectionDeps;
  readonly #all = new Set<Connection>();
  #newest: Connection | undefined;

  constructor(deps: CallConnectionDeps) {
    this.#deps = deps;
  }

  /** Begins a call. It returns at once; if the controller cannot be reached, the call fails. */
  open<Opened extends BulkCall>(begin: (client: Client) => Opened): Opened {
    const connection = this.#now();
    const opened = begin(connection.client);
    connection.idle?.cancel();
    connection.calls.add(opened);
    opened.call.once('status', ({ code }) => {
      connection.calls.delete(opened);
      // The library would wait longer and longer before it dials again.
      if (code === status.UNAVAILABLE) this.#retire(connection);
      else if (connection.calls.size === 0) this.#rest(connection);
    });
    return opened;
  }

  close(): void {
    for (const connection of [...this.#all]) {
      for (const call of connection.calls) call.close();
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
    const connection: Connection = { client: this.#deps.client(), key, calls: new Set(), idle: undefined };
    this.#all.add(connection);
    this.#newest = connection;
    return connection;
  }

  #rest(connection: Connection): void {
    if (connection !== this.#newest) return this.#end(connection);
    connection.idle = this.#deps.clock.after(IDLE_MS, () => this.#end(connection));
  }

  /** Accepts no new calls; open ones continue. */
  #retire(connection: Connection): void {
    if (this.#newest === connection) this.#newest = undefined;
    if (connection.calls.size === 0) this.#end(connection);
  }

  #end(connection: Connection): void {
    if (this.#newest === connection) this.#newest = undefined;
    connection.idle?.cancel();
    this.#all.delete(connection);
    connection.client.close();
  }
}

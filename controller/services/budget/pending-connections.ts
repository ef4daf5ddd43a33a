/**
 * Connections of unauthenticated peers. When there are too many, the oldest one is closed: of the
 * same address if that has too many, else of the address with the most. Idle connections therefore
 * cannot keep out a peer that authenticates quickly.
 */
export class PendingConnections<Connection extends { readonly network: string }> {
  readonly #perAddress: number;
  readonly #inAll: number;
  readonly #byNetwork = new Map<string, Set<Connection>>();
  #size = 0;

  constructor(bounds: { readonly perAddress: number; readonly inAll: number }) {
    this.#perAddress = bounds.perAddress;
    this.#inAll = bounds.inAll;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a connection. Returns the connection to close, if any, which is no longer pending. */
  add(connection: Connection): Connection | undefined {
    const ofNetwork = this.#byNetwork.get(connection.network) ?? new Set<Connection>();
    this.#byNetwork.set(connection.network, ofNetwork);
    ofNetwork.add(connection);
    this.#size += 1;
    if (ofNetwork.size > this.#perAddress) return this.#oldestOf(ofNetwork);
    return this.#size > this.#inAll ? this.#oldestOf(this.#largest()) : undefined;
  }

  delete(connection: Connection): void {
    const ofNetwork = this.#byNetwork.get(connection.network);
    if (ofNetwork?.delete(connection) !== true) return;
    this.#size -= 1;
    if (ofNetwork.size === 0) this.#byNetwork.delete(connection.network);
  }

  #oldestOf(connections: ReadonlySet<Connection>): Connection | undefined {
    const [oldest] = connections;
    if (oldest !== undefined) this.delete(oldest);
    return oldest;
  }

  /** The first one added, if several are equally large. */
  #largest(): ReadonlySet<Connection> {
    let largest: ReadonlySet<Connection> = new Set();
    for (const one of this.#byNetwork.values()) if (one.size > largest.size) largest = one;
    return largest;
  }
}

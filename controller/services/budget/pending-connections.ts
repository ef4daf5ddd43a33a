/**
 * Connections of peers that have not proved who they are. When there are too many, the oldest goes: of the same address where that has too
 * many, else of the address with the most. So whoever holds connections open keeps out nobody who is quick.
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

  /** Returns the connection that has to go, if one has to. It is not pending any more. */
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

  /** Of equals the one that is there for the longest. */
  #largest(): ReadonlySet<Connection> {
    let largest: ReadonlySet<Connection> = new Set();
    for (const one of this.#byNetwork.values()) if (one.size > largest.size) largest = one;
    return largest;
  }
}

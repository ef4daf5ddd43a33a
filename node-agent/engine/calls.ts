/**
 * Calls of a session's steps to the engine and the ledger. Both reject once the session is closed.
 */
export interface Calls {
  /** Waits for a turn at the engine. The signal aborts at the call's time limit. */
  call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Waits for a write to the ledger. A failed write ends the node agent. */
  durable<T>(write: Promise<T>): Promise<T>;
}

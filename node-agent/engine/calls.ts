/**
 * How a session's steps reach the engine and the ledger. Both reject once the session is closed.
 */
export interface Calls {
  /** Takes a turn at the engine; the signal aborts at the call's time limit. */
  call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Waits for a write to the ledger. One that fails ends the node agent. */
  durable<T>(write: Promise<T>): Promise<T>;
}

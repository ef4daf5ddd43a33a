import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Metrics } from '../../seams/metrics.ts';

export interface Subscription {
  close(): void;
}

/**
 * Publish and subscribe, at most once. Payloads of one publisher arrive in order, but any can be
 * missing; subscribers that need all detect gaps by the numbers in the payloads.
 *
 * 1. A bus is created unconnected, without I/O, and retries forever. `onState` reports each change.
 * 2. `publish` never waits. It sends or refuses: while disconnected, beyond the bound of bytes in
 *    flight, or for a payload that is too large. Refused payloads are counted and dropped.
 * 3. Subscriptions survive outages. A listener that throws is logged and affects no other.
 * 4. A process does not receive what it published itself.
 * 5. After `close` nothing is delivered.
 */
export interface Bus {
  readonly connected: boolean;
  readonly maxPayloadBytes: number;
  /** Whether the server refused the credentials at the last try to connect. */
  readonly areCredentialsRefused?: boolean;
  /** Number of refused payloads. */
  readonly refused: number;
  publish(subject: string, payload: Uint8Array): boolean;
  /**
   * `*` matches one token of a subject, a final `>` one or more. Listeners are never called within
   * `publish`.
   */
  subscribe(pattern: string, listener: (subject: string, payload: Uint8Array) => void): Subscription;
  onState(listener: (connected: boolean) => void): Subscription;
  /**
   * Returns true once everything published before has been sent to the server; false when the
   * connection or the signal ends first.
   */
  flush(signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

export interface BusOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Maximum bytes in flight. Default 16 MiB. */
  readonly maxPendingBytes?: number;
}

export const DEFAULT_MAX_PENDING_BYTES = 16 * 1024 * 1024;

/** The default of nats-server. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;

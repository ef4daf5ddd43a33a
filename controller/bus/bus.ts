import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';

export interface Subscription {
  close(): void;
}

/**
 * Publish and subscribe, at most once: what a subscriber gets from one publisher is in order, but any of it may be missing.
 * Who cannot live with that finds out what is missing from the numbers in the payloads.
 *
 * 1. A bus is made unconnected, in no time, and keeps trying for ever; `onState` tells of each change.
 * 2. `publish` never waits. It hands over, or refuses: while not connected, past the bound of what may be on its way, or a payload
 *    that is too large. What was refused is counted and goes nowhere.
 * 3. Subscriptions outlive outages. A listener that throws is logged, and harms no other.
 * 4. Nothing comes back to the process that published it.
 * 5. After `close` nothing is delivered any more.
 */
export interface Bus {
  readonly connected: boolean;
  readonly maxPayloadBytes: number;
  /** How many payloads were refused. */
  readonly refused: number;
  publish(subject: string, payload: Uint8Array): boolean;
  /** `*` stands for one token of a subject, `>` at the end for one or more. Listeners are never called within `publish`. */
  subscribe(pattern: string, listener: (subject: string, payload: Uint8Array) => void): Subscription;
  onState(listener: (connected: boolean) => void): Subscription;
  /** True once all that was published before has left for the subscribers; false when the connection or the signal ends first. */
  flush(signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

export interface BusOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How many bytes may be on their way at once; 16 MiB when not given. */
  readonly maxPendingBytes?: number;
}

export const DEFAULT_MAX_PENDING_BYTES = 16 * 1024 * 1024;

/** What a nats-server takes unless told otherwise. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;

import type { Clock } from '../../../seams/clock.ts';

export interface LeaseTimes {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** How long a node can be unreachable before it is lost. Default {@link LOST_AFTER_MS}. */
  readonly lostAfterMs?: number;
}

export const LEASE: LeaseTimes = { leaseMs: 15_000, heartbeatMs: 3_000 };

export const LOST_AFTER_MS = 10 * 60_000;

/** A node's right to receive work, renewed by each heartbeat. Measured on the monotonic clock. */
export class Lease {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #renewedAt: number;

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#renewedAt = clock.monotonic();
  }

  renew(): void {
    this.#renewedAt = this.#clock.monotonic();
  }

  leftMs(): number {
    return this.#renewedAt + this.#leaseMs - this.#clock.monotonic();
  }

  get runs(): boolean {
    return this.leftMs() > 0;
  }
}

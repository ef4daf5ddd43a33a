import type { Clock, Timer } from '../../seams/clock.ts';
import type { Relay } from '../guests/relay.ts';

/** Time beyond the grace in which a guest makes an answer durable and sends it. */
const MARGIN_MS = 5_000;
/** How long to wait for a guest that is not connected. */
const GUEST_AWAITED_MS = 3_000;

export interface DrainDeps {
  readonly clock: Clock;
  readonly guests: Pick<Relay, 'isConnected' | 'startDrain' | 'endDrain'>;
  /** Called when the drain is over. */
  wake(): void;
}

/**
 * Drains one session before its container is removed: its guest accepts no more messages, finishes
 * or interrupts its run within the grace period, and sends its answers. The drain is over when the
 * guest reports it or its time is up. Each container is drained once.
 */
export class Drain {
  readonly #sessionId: string;
  readonly #deps: DrainDeps;
  #containerId: string | undefined;
  #graceMs = 0;
  #heard = false;
  #isOver = false;
  #timer: Timer | undefined;

  constructor(sessionId: string, deps: DrainDeps) {
    this.#sessionId = sessionId;
    this.#deps = deps;
  }

  state(containerId: string | undefined): 'none' | 'under-way' | 'over' {
    if (containerId === undefined || containerId !== this.#containerId) return 'none';
    return this.#isOver ? 'over' : 'under-way';
  }

  begin(containerId: string, graceMs: number): void {
    this.end();
    this.#containerId = containerId;
    this.#graceMs = graceMs;
    this.#deps.guests.startDrain(this.#sessionId, graceMs);
    this.#wait(GUEST_AWAITED_MS);
    this.guestChanged();
  }

  /** The guest connected or disconnected. The grace counts from its first connection. */
  guestChanged(): void {
    if (this.#containerId === undefined || this.#heard || !this.#deps.guests.isConnected(this.#sessionId)) return;
    this.#heard = true;
    this.#wait(this.#graceMs + MARGIN_MS);
  }

  /** The guest has sent everything. */
  drained(): void {
    if (this.#containerId === undefined || this.#isOver) return;
    this.#timer?.cancel();
    this.#isOver = true;
    this.#deps.wake();
  }

  /** The container is gone, or stays. */
  end(): void {
    if (this.#containerId === undefined) return;
    this.#timer?.cancel();
    this.#containerId = undefined;
    this.#heard = false;
    this.#isOver = false;
    this.#deps.guests.endDrain(this.#sessionId);
  }

  /** The container stays, so its guest continues even if it was asked to drain. */
  stay(): void {
    if (this.#containerId === undefined) this.#deps.guests.endDrain(this.#sessionId);
    else this.end();
  }

  /** Stops waiting. A drain that was requested of the guest stays in effect. */
  close(): void {
    this.#timer?.cancel();
  }

  #wait(limitMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(limitMs, () => this.drained());
  }
}

import type { Clock, Timer } from '../../seams/clock.ts';

/** Beyond its grace: what a guest gets to make an answer durable and to hand it over. */
const MARGIN_MS = 5_000;
/** How long a guest that is not connected is waited for. */
const GUEST_AWAITED_MS = 3_000;

export interface DrainDeps {
  readonly clock: Clock;
  guestConnected(): boolean;
  /** Tells the guest, the one that is connected or whichever connects from now on. */
  ask(graceMs: number): void;
  takeBack(): void;
  /** It is over. */
  over(): void;
}

/**
 * The emptying of one session's container before it is removed: its guest takes nothing more, lets what runs finish within the grace or
 * interrupts it, and hands over what it has to say. Over when the guest says so, or when its time is up; each container is asked anew.
 */
export class Drain {
  readonly #deps: DrainDeps;
  #containerId: string | undefined;
  #graceMs = 0;
  #heard = false;
  #isOver = false;
  #timer: Timer | undefined;

  constructor(deps: DrainDeps) {
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
    this.#deps.ask(graceMs);
    this.#wait(GUEST_AWAITED_MS);
    this.guestChanged();
  }

  /** Its guest came or went. The grace counts from when one was first there. */
  guestChanged(): void {
    if (this.#containerId === undefined || this.#heard || !this.#deps.guestConnected()) return;
    this.#heard = true;
    this.#wait(this.#graceMs + MARGIN_MS);
  }

  /** The guest has nothing more to say. */
  drained(): void {
    if (this.#containerId === undefined || this.#isOver) return;
    this.#timer?.cancel();
    this.#isOver = true;
    this.#deps.over();
  }

  /** The container is gone, or is to stay. */
  end(): void {
    if (this.#containerId === undefined) return;
    this.#timer?.cancel();
    this.#containerId = undefined;
    this.#heard = false;
    this.#isOver = false;
    this.#deps.takeBack();
  }

  /** The container is to stay: its guest goes on, whoever asked it to finish. */
  stay(): void {
    if (this.#containerId === undefined) this.#deps.takeBack();
    else this.end();
  }

  /** Nothing is waited for any more; what the guest was asked stays asked. */
  close(): void {
    this.#timer?.cancel();
  }

  #wait(limitMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(limitMs, () => this.drained());
  }
}

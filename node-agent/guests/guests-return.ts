import { type Clock, pause } from '../../seams/clock.ts';

/**
 * How long running containers' guests get to reconnect after a restart, before the controller gets
 * the inventory.
 */
const WITHIN_MS = 1_500;
const LOOKED_FOR_EVERY_MS = 20;

/** Resolves once none is awaited any more, or the time is up. */
export async function guestsReturned(awaited: () => boolean, clock: Clock, signal: AbortSignal): Promise<void> {
  const untilMs = clock.monotonic() + WITHIN_MS;
  while (awaited() && clock.monotonic() < untilMs && !signal.aborted) await pause(clock, LOOKED_FOR_EVERY_MS, signal);
}

import { type Clock, pause } from '../../seams/clock.ts';

/**
 * After a restart, how long guests of running containers have to reconnect before the controller
 * gets the inventory.
 */
const WITHIN_MS = 1_500;
const LOOKED_FOR_EVERY_MS = 20;

/** Resolves when all expected guests have reconnected or the time is up. */
export async function guestsReturned(awaited: () => boolean, clock: Clock, signal: AbortSignal): Promise<void> {
  const untilMs = clock.monotonic() + WITHIN_MS;
  while (awaited() && clock.monotonic() < untilMs && !signal.aborted) await pause(clock, LOOKED_FOR_EVERY_MS, signal);
}

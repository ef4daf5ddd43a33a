import { messageOf } from '../../seams/message-of.ts';
import { within } from '../engine/deadline.ts';
import type { Driver } from '../engine/driver.ts';
import { EngineTurns } from '../engine/engine-turns.ts';
import type { Host } from '../host.ts';

/** The minimum time for the engine, even if the controller's grace period is shorter. */
const MIN_MS = 5_000;

export type ShutdownDeps = Pick<Host, 'driver' | 'listener' | 'clock' | 'log'>;

/**
 * Removes every container of this node, its socket directories and, if it is the last node agent,
 * what they share. Volumes, images and the ledger stay. Guests are not drained, because their
 * journals have everything that they acknowledged. Never rejects: leftovers are adopted or removed
 * later.
 */
export async function removeContainers(
  { driver, listener, clock, log }: ShutdownDeps,
  graceMs: number,
  parent: AbortSignal,
): Promise<void> {
  try {
    await within(clock, Math.max(graceMs, MIN_MS), parent, async (signal) => {
      const seen = await driver.list(signal);
      const containers = [...seen].filter(([, { container }]) => container !== undefined);
      const turns = new EngineTurns(clock);
      const remove = (sessionId: string) => turns.call(signal, (limited) => removeAll(driver, sessionId, limited));
      const removals = await Promise.allSettled(containers.map(([sessionId]) => remove(sessionId)));
      for (const sessionId of await driver.copies(signal)) await driver.volume({ kind: 'end-copy', sessionId }, signal);
      await driver.dismantle(signal);
      for (const removal of removals) if (removal.status === 'rejected') throw removal.reason;
    });
  } catch (error) {
    log.error('node.shutdown-incomplete', { error: messageOf(error) });
  }
  for (const sessionId of await listener.left()) await listener.close(sessionId);
}

async function removeAll(driver: Driver, sessionId: string, signal: AbortSignal): Promise<void> {
  do await driver.removeContainer(sessionId, signal);
  while ((await driver.observe(sessionId, signal)).container !== undefined);
}

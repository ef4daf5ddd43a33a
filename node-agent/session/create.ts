import { lowered, type Most } from '../domain/session-most.ts';
import type { Calls } from '../engine/calls.ts';
import type { Outcome } from '../engine/outcome.ts';
import type { SessionPlan } from '../engine/session-plan.ts';
import type { Host } from '../host.ts';
import type { Uids } from './uids.ts';

const NO_UID =
  'Every user id that this node can give to sessions is in use. Set a larger range (RAWORC_SESSION_UIDS), restart the node agent, then recover the session.';

export interface CreateDeps extends Pick<Host, 'driver' | 'listener' | 'ledger'> {
  readonly uids: Uids;
  readonly calls: Calls;
  /** This node's maximum for one session, which lowers the controller's limits. */
  most(): Most;
}

/**
 * Creates one session's volume or container. The ledger records it before the call. Resolves to
 * undefined if the ledger no longer has anything to create.
 */
export async function create(
  what: 'volume' | 'container',
  sessionId: string,
  generation: number,
  { driver, listener, ledger, uids, calls, most }: CreateDeps,
): Promise<Outcome | undefined> {
  const intent = ledger.toCreate(sessionId, generation);
  if (intent === undefined) return undefined;
  await calls.durable(ledger.createBegun(sessionId, intent));
  const disk = ledger.disk(sessionId);
  const uid = await calls.durable(uids.of(sessionId));
  if (uid === undefined) return { ok: false, why: 'refused', reason: NO_UID };
  const { space, image, profile } = intent;
  const limits = lowered(intent.limits, most());
  const plan: SessionPlan = {
    sessionId,
    generation,
    space,
    image,
    profile,
    limits,
    uid,
    socketDirectory: await listener.open(sessionId),
    disk,
  };
  const created = await calls.call((signal) =>
    what === 'volume' ? driver.volume({ kind: 'create-volume', plan }, signal) : driver.createContainer(plan, signal),
  );
  if (created.ok && created.disk !== undefined && (disk === undefined || what === 'volume'))
    await calls.durable(ledger.setDisk(sessionId, created.disk, generation));
  // A volume that becomes a copy is the session's own only when the copy is complete.
  if (created.ok && what === 'volume' && !ledger.copies.isDue(sessionId)) await calls.durable(ledger.volumeCreated(sessionId, generation));
  if (!created.ok && created.why !== 'exists') await calls.durable(ledger.createEnded(sessionId));
  return created.ok || created.why !== 'no-image' ? created : { ...created, image };
}

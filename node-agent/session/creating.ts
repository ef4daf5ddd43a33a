import { lowered } from '../domain/session-most.ts';
import type { Made, SessionPlan } from '../engine/driver.ts';
import type { Calls } from './copying.ts';
import type { ReconcilerDeps } from './reconciler-deps.ts';

const NO_UID =
  'Every user id that this node can give to sessions is in use. Set a larger range (RAWORC_SESSION_UIDS), restart the node agent, then recover the session.';

/** Makes one session's volume or container, journalled before the call. Undefined: there is nothing left that says what to make. */
export async function create(
  what: 'createVolume' | 'createContainer',
  id: string,
  generation: number,
  { driver, doors, ledger, uids, most }: ReconcilerDeps,
  { call, durable }: Calls,
): Promise<{ readonly made: Made; readonly image: string } | undefined> {
  const create = ledger.toCreate(id, generation);
  if (create === undefined) return undefined;
  await durable(ledger.createBegun(id, create));
  const disk = ledger.disk(id);
  const uid = await durable(uids.of(id));
  if (uid === undefined) return { made: { ok: false, why: 'refused', reason: NO_UID }, image: create.image };
  const limits = lowered(create.limits, most());
  const plan: SessionPlan = { ...create, limits, sessionId: id, uid, socketDirectory: await doors.open(id), ...(disk && { disk }) };
  const made = await call((signal) => driver[what](plan, signal));
  if (made.ok && made.disk !== undefined && (disk === undefined || what === 'createVolume'))
    await durable(ledger.diskIs(id, made.disk, generation));
  // One that is to be a copy is its own only when it is whole.
  if (made.ok && what === 'createVolume' && !ledger.copies.isDue(id)) await durable(ledger.volumeMade(id, generation));
  if (!made.ok && made.why !== 'exists') await durable(ledger.createEnded(id));
  return { made, image: plan.image };
}

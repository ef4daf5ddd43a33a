import type { CreateSession, SessionObject } from '../../../controller/contract/sessions.ts';
import { STALE } from '../../../controller/domain/access/refusals.ts';
import type { FleetNode } from '../../../controller/domain/engine/fleet.ts';
import type { Outcome } from '../../../controller/domain/engine/outcome.ts';
import { firstObstacle } from '../../../controller/domain/sessions/placement/filters.ts';
import { lacksRoom } from '../../../controller/domain/sessions/placement/no-room.ts';
import type { Caller, Idempotency } from '../../../controller/services/access/caller.ts';
import type { Services } from '../../../controller/services/services.ts';
import type { Client } from './client.ts';
import { SIZES } from './sizes.ts';

const LOOKS_MS = [1_000, 800, 600, 400, 200, 0];

/**
 * Waits for room as HTTP does, up to `patienceMs`. A caller that gives up had no room for the whole
 * last second: otherwise the queue missed what woke it.
 */
export async function patiently(
  client: Client,
  patienceMs: number,
  create: (patience: AbortSignal) => Promise<Outcome<SessionObject>>,
): Promise<Outcome<SessionObject>> {
  const { cluster } = client;
  const patience = new AbortController();
  const process = cluster.controller;
  const looks: (readonly FleetNode[])[] = [];
  const look = () => {
    const isUp = process !== undefined && cluster.controller === process && !process.life.isStopped;
    // The directory shows the set of images that the stream goes on to change.
    looks.push(isUp ? process.core.directory.nodes().map((node) => ({ ...node, images: new Set(node.images) })) : []);
  };
  for (const beforeMs of LOOKS_MS) cluster.time.schedule(patienceMs - beforeMs, look);
  cluster.time.schedule(patienceMs, () => process?.life.run(() => patience.abort()));
  const outcome = await create(patience.signal);
  if (!lacksRoom(outcome) || looks.length < LOOKS_MS.length) return outcome;
  const roomy = looks.map((nodes) => nodes.filter((node) => firstObstacle(node, outcome.need, SIZES) === undefined));
  if (roomy.every((nodes) => nodes.length > 0))
    client.violation(`gave up waiting for room that ${roomy[0]?.[0]?.name} had: ${outcome.refusal.message}`);
  return outcome;
}

/** Like HTTP: callers who lost the right while they waited are authorised again. */
export async function whenRoom({ sessions }: Services, caller: Caller, input: CreateSession, key: Idempotency, patience: AbortSignal) {
  const outcome = await sessions.create(caller, input, key, patience);
  const now = caller.now();
  return outcome.ok || (now !== undefined && sessions.canCreate(now, input.space)) ? outcome : STALE;
}

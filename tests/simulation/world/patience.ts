import type { SessionObject } from '../../../controller/contract/sessions.ts';
import { STALE } from '../../../controller/domain/access/refusals.ts';
import type { Outcome } from '../../../controller/domain/engine/outcome.ts';
import type { Need } from '../../../controller/domain/sessions/placement/filters.ts';
import { lacksRoom } from '../../../controller/domain/sessions/placement/no-room.ts';
import type { Caller } from '../../../controller/services/access/caller.ts';
import type { Client } from './client.ts';
import { type Ask, type ModelNode, modelOf, unfit } from './placement-model.ts';
import { Rooms } from './room.ts';

const LOOKS_MS = [1_000, 800, 600, 400, 200, 0];

/**
 * Waits for room as HTTP does, up to `patienceMs`. A caller that gives up had no room for the whole
 * last second: otherwise the queue missed what woke it.
 */
export async function patiently(
  client: Client,
  patienceMs: number,
  run: (patience: AbortSignal) => Promise<Outcome<SessionObject>>,
): Promise<Outcome<SessionObject>> {
  const { cluster } = client;
  const patience = new AbortController();
  const process = cluster.controller;
  const looks: ((need: Need) => readonly ModelNode[])[] = [];
  const look = () => {
    const isUp = process !== undefined && cluster.controller === process && !process.life.isStopped;
    if (!isUp) return void looks.push(() => []);
    const rooms = new Rooms(cluster.chronicle.sessions.values());
    const [nodes, rows] = [process.core.directory.nodes(), new Map(cluster.view.nodes().map((row) => [row.id, row]))];
    const shown = nodes.map((node) => ({ ...node, images: new Set(node.images) }));
    looks.push(({ spaceId }) => modelOf(shown, (id) => rows.get(id), rooms, spaceId, cluster.nodeRules));
  };
  for (const beforeMs of LOOKS_MS) cluster.time.schedule(patienceMs - beforeMs, look);
  cluster.time.schedule(patienceMs, () => process?.life.run(() => patience.abort()));
  const outcome = await run(patience.signal);
  if (!lacksRoom(outcome) || looks.length < LOOKS_MS.length) return outcome;
  const ask = askOf(outcome.need);
  const roomy = looks.map((look) => look(outcome.need).filter((node) => unfit(node, ask) === undefined));
  if (roomy.every((nodes) => nodes.length > 0))
    client.violation(`gave up waiting for room that ${roomy[0]?.[0]?.row.name} had: ${outcome.refusal.message}`);
  return outcome;
}

/** Like HTTP: callers who lost the right while they waited are authorised again. */
export async function ifAllowed(caller: Caller, canAsk: (now: Caller) => boolean, waited: Promise<Outcome<SessionObject>>) {
  const outcome = await waited;
  const now = caller.now();
  return outcome.ok || (now !== undefined && canAsk(now)) ? outcome : STALE;
}

function askOf({ placement, isInRegistry = false, ...need }: Need): Ask {
  const { constraints = [], spaceConstraints = [], preferences = [], strategy = 'spread', antiAffinity = 'none' } = placement ?? {};
  return { ...need, isInRegistry, constraints: [...constraints, ...spaceConstraints], preferences, strategy, antiAffinity };
}

import type { SessionObject } from '../../../controller/contract/sessions.ts';
import { STALE } from '../../../controller/domain/access/refusals.ts';
import type { Outcome } from '../../../controller/domain/engine/outcome.ts';
import { PLATFORMS } from '../../../controller/domain/images/platforms.ts';
import type { Need } from '../../../controller/domain/sessions/placement/filters.ts';
import { lacksRoom } from '../../../controller/domain/sessions/placement/no-room.ts';
import type { Caller } from '../../../controller/services/access/caller.ts';
import type { Client } from './client.ts';
import { type Ask, type ModelNode, modelOf, unfit } from './placement-model.ts';
import { Rooms } from './room.ts';

interface Patience {
  /** Undefined: does not wait. */
  readonly patienceMs: number | undefined;
  readonly caller: Caller;
  /** Whether the caller has the right to the request. */
  readonly canAsk: (now: Caller) => boolean;
}

const LOOKS_MS = [1_000, 800, 600, 400, 200, 0];

/**
 * Waits for room as HTTP does, up to `patienceMs`. A caller that gives up had no room for the whole
 * last second: otherwise the queue missed what woke it.
 */
export async function patiently(
  client: Client,
  { patienceMs, caller, canAsk }: Patience,
  run: (patience?: AbortSignal) => Promise<Outcome<SessionObject>>,
): Promise<Outcome<SessionObject>> {
  if (patienceMs === undefined || !canAsk(caller)) return run();
  const outcome = await waited(client, patienceMs, run);
  // Callers who lost the right while they waited are authorised again.
  const now = caller.now();
  return outcome.ok || (now !== undefined && canAsk(now)) ? outcome : STALE;
}

async function waited(client: Client, patienceMs: number, run: (patience: AbortSignal) => Promise<Outcome<SessionObject>>) {
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
  if (process !== undefined) process.waiting += 1;
  const outcome = await run(patience.signal);
  if (process !== undefined) process.waiting -= 1;
  // An earlier one of its order can need more than there is.
  if (!lacksRoom(outcome) || outcome.hadNoTurn === true || looks.length < LOOKS_MS.length) return outcome;
  const ask = askOf(outcome.need);
  const roomy = looks.map((look) => nodesFor(look(outcome.need), outcome.need).filter((node) => unfit(node, ask) === undefined));
  if (roomy.every((nodes) => nodes.length > 0))
    client.violation(`gave up waiting for room that ${roomy[0]?.[0]?.row.name} had: ${outcome.refusal.message}`);
  return outcome;
}

function askOf({ placement, platforms, hasDisk = false, limits, ...need }: Need): Ask {
  const { constraints = [], spaceConstraints = [], preferences = [], strategy = 'spread', antiAffinity = 'none' } = placement ?? {};
  const rules = { constraints: [...constraints, ...spaceConstraints], preferences, strategy, antiAffinity };
  return {
    ...need,
    ...rules,
    limits: hasDisk ? { ...limits, diskBytes: 0 } : limits,
    inRegistry: new Set(hasDisk ? PLATFORMS : platforms?.inRegistry),
  };
}

/** Returns the nodes that a request can be placed on. One that wakes a session needs nothing but room of its own. */
function nodesFor(nodes: readonly ModelNode[], { onlyOn, hasDisk = false }: Need): readonly ModelNode[] {
  const able = nodes.filter(({ row }) => onlyOn === undefined || row.id === onlyOn);
  if (!hasDisk) return able;
  const facts = { ready: true, unschedulable: undefined, images: new Set<string>(), pulls: true };
  return able.map((node) => ({ ...node, facts, reserved: undefined, row: { ...node.row, cordonedAt: null } }));
}

import { WORKSTATION_IMAGE } from '../../contract/profiles.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { SessionId, SpaceId } from '../../domain/engine/ids.ts';
import { takesSpace } from '../../domain/sessions/placement/filters.ts';
import { holds } from '../../domain/sessions/placement/label-rules.ts';
import { refusedProfile } from '../../domain/sessions/profile-admission.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { sizesOf } from '../../domain/sessions/session-sizes.ts';
import { endSlots } from '../../domain/slots/commands/end-slots.ts';
import { type CurrentKind, placeSlot, startSlot } from '../../domain/slots/commands/start-slot.ts';
import { isOver, withSlots } from '../../domain/slots/make-room.ts';
import { planSlots, READY_WITHIN_MS, type Wanted } from '../../domain/slots/plan-slots.ts';
import type { SlotRow } from '../../domain/slots/rows.ts';
import { isSameKind, SLOT_GENERATION } from '../../domain/slots/slot.ts';
import { slotsIn } from '../../domain/slots/slot-settings.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { schedulingIn } from '../../domain/spaces/space-settings.ts';
import type { Committed } from '../engine/applier.ts';
import type { Background } from '../engine/background.ts';
import { placedSlots } from '../engine/capacity.ts';
import type { GrowthRefusal } from '../engine/commands/command-admission.ts';
import { type Due, type Loop, pageByPage } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { workstationImage } from '../images/workstation-image.ts';
import { Demand, type KindName } from './demand.ts';
import { StartPace } from './start-pace.ts';

/** While nothing has room for a slot, or its image is on its way. */
const NO_ROOM_RETRY_MS = 10_000;
/** How often demand that ended is noticed. */
const SHRINK_MS = 60_000;
/** Of the spaces that wait for a node, so many try at a time, and the others later: each try looks at all nodes. */
const WOKEN_AT_ONCE = 8;
const ROUND_MS = 50;
const NEXT_ROUND_MS = 1_000;

/** `waiting`: some of the spaces that wait for a node. */
type Key = SpaceId | 'all' | 'waiting';

export interface SlotLoopDeps extends Background {
  readonly directory: NodeDirectory;
  readonly fleet: Pick<Fleet, 'listen'>;
  readonly baseImage: string;
  /** Why the store may not grow now; undefined while it may. */
  readonly growthRefusal?: GrowthRefusal | undefined;
}

/**
 * Keeps the slots of each space as many as its settings and its demand want. A run looks at one
 * space: it ends what is too many or of no use, and starts at most one slot, wherever a node is free
 * to start one ({@link StartPace}). What sessions need, they take: see make-room.ts.
 */
export function slotLoop(deps: SlotLoopDeps): Loop<Key> {
  const { loops, applier, view, clock, random, metrics, directory, fleet, baseImage } = deps;
  const demand = new Demand();
  const pace = new StartPace(clock);
  /** Spaces that want a slot, and wait until a node can start one. */
  const waiting = new Set<SpaceId>();

  const kindOf = (space: SpaceRow, { profile, imageName }: KindName): CurrentKind | undefined => {
    if (refusedProfile(space, profile, imageName ?? undefined) !== undefined) return undefined;
    const sizes = sizesOf(directory.sizes, space.settings, {}, { profile, nodes: directory.maxima });
    if (!sizes.ok) return undefined;
    const build = profile === 'locked' ? view.newestBuild(space.id, 'completed') : undefined;
    const image = imageName === null ? (build?.image ?? baseImage) : workstationImage(imageName, baseImage).image;
    return { image, profile, imageName, ...sizes.value, build };
  };

  function wantedIn(space: SpaceRow): readonly Wanted<CurrentKind>[] {
    const { min, profile, max } = slotsIn(space.settings, directory.sizes.slots);
    const counts = new Map<string, { readonly kind: KindName; count: number }>();
    const least = (kind: KindName, count: number) => {
      const key = `${kind.profile} ${kind.imageName ?? ''}`;
      counts.set(key, { kind, count: Math.max(count, counts.get(key)?.count ?? 0) });
    };
    if (min > 0) least({ profile, imageName: profile === 'workstation' ? WORKSTATION_IMAGE : null }, min);
    for (const { burst, ...kind } of demand.of(space.id, clock.monotonic())) least(kind, burst);
    let left = max;
    return [...counts.values()].flatMap(({ kind, count }) => {
      const current = left > 0 ? kindOf(space, kind) : undefined;
      if (current === undefined) return [];
      const some = Math.min(left, count);
      left -= some;
      return [{ kind: current, count: some }];
    });
  }

  /** Whether sessions of the slot's space could take it, as nodes and settings are now. */
  const isUsable = ({ nodeId, spaceId }: SlotRow): boolean => {
    const row = directory.row(nodeId);
    const node = directory.node(nodeId);
    if (row === undefined || row.lostAt !== null || node === undefined || node.cordoned || node.draining) return false;
    if (node.takesSlots === false) return false;
    const { constraints = [], anti_affinity: apart } = schedulingIn(view.get('spaces', spaceId)?.settings ?? {});
    if (!constraints.every((one) => holds(one, node.labels ?? {}))) return false;
    if (apart === 'required' && directory.sessionsOfSpace(spaceId, nodeId) > 0) return false;
    // A node can come back with less than it had.
    return takesSpace(node, spaceId) && !isOver(withSlots(node), directory);
  };

  /** Whether a session is of a kind that its space has, or would have, slots of. */
  function couldClaim(row: SessionRow): boolean {
    const space = view.get('spaces', row.spaceId);
    if (space === undefined || row.copyFrom !== null || row.constraints.length + row.preferences.length > 0) return false;
    if (slotsIn(space.settings, directory.sizes.slots).max === 0) return false;
    const kind = kindOf(space, row);
    return kind !== undefined && isSameKind({ ...kind, image: row.image }, row);
  }

  async function run(spaceId: SpaceId): Promise<Due> {
    waiting.delete(spaceId);
    const space = view.get('spaces', spaceId);
    const slots = view.slotsIn(spaceId);
    if (space === undefined) {
      demand.forget(spaceId);
      pace.forget(spaceId);
    }
    const wanted = space?.active === true ? wantedIn(space) : [];
    if (wanted.length === 0 && slots.length === 0) return undefined;
    const { end, start, dueMs } = planSlots(slots, wanted, isUsable, (since) => applier.time.ageMs(since));
    for (const slot of end) if (slot.phase !== 'running' && applier.time.ageMs(slot.phaseAt) >= READY_WITHIN_MS) pace.avoid(slot);
    if (end.length > 0) await applier.apply(endSlots(end.map(({ id }) => id)));
    const laterMs = Math.min(dueMs ?? SHRINK_MS, SHRINK_MS);
    if (start === undefined || deps.growthRefusal?.() !== undefined) return laterMs;
    const restMs = pace.restMs(spaceId);
    if (restMs > 0) return Math.min(restMs, laterMs);
    const asked = { id: random.uuid() as SessionId, spaceId, kind: start };
    const hasRoom = (isFree: (node: FleetNode) => boolean) => placeSlot(view, directory, { ...asked, isFree }) !== undefined;
    const avoided = pace.avoidedBy(spaceId);
    const avoids = avoided.size > 0 && hasRoom(({ id }) => !avoided.has(id));
    // A command costs a commit, so what it would find is looked at first.
    if (!avoids && !hasRoom(() => true)) return Math.min(NO_ROOM_RETRY_MS, laterMs);
    const slot = { ...asked, isFree: ({ id }: FleetNode) => pace.isFree(id) && !(avoids && avoided.has(id)) };
    if (placeSlot(view, directory, slot) !== undefined && (await applier.apply(startSlot(slot)))) return 0;
    waiting.add(spaceId);
    // One timer for all: if each space had its own, all of them would try whenever a node has rested.
    const freeMs = pace.untilFreeMs();
    if (freeMs !== undefined) loop.after('waiting', Math.max(ROUND_MS, freeMs));
    return laterMs;
  }

  const wakeWaiting = () => {
    if (waiting.size > 0) loop.after('waiting', ROUND_MS);
  };

  function letSomeTry(): Due {
    let left = WOKEN_AT_ONCE;
    for (const id of waiting) {
      if (left === 0) return NEXT_ROUND_MS;
      left -= 1;
      loop.wake(id);
    }
    return undefined;
  }

  const wakeStored = pageByPage(
    (after, limit) => view.spacesWithSlots(after, limit).map((id) => ({ id })),
    ({ id }) => {
      // What was ready when this process started is kept as if it had just been asked for.
      for (const { profile, imageName } of view.slotsIn(id)) demand.created(id, { profile, imageName }, clock.monotonic());
      loop.wake(id);
    },
  );

  const loop = loops.open<Key>({
    name: 'slots',
    first: { key: 'all' },
    run: (key) => (key === 'all' ? wakeStored() : key === 'waiting' ? letSomeTry() : run(key)),
  });
  metrics.gauge({
    name: 'slots',
    help: 'Sessions started ahead of need, by whether they can be claimed yet.',
    labels: ['state'],
    read: () => Object.entries(pace.counts).map(([state, value]) => ({ labels: { state }, value })),
  });
  const ended = metrics.counter({ name: 'slots_ended_total', help: 'Slots that sessions took, or that were given up.', labels: ['how'] });
  const starts = metrics.counter({
    name: 'session_starts_total',
    help: 'New sessions of the kinds that slots are for: how many took one, and how many started cold.',
    labels: ['how'],
  });
  for (const slot of placedSlots(view)) pace.changed(slot);

  applier.onCommitted(({ mutations, events }: Committed) => {
    for (const mutation of mutations) {
      if (mutation.kind === 'remove' && mutation.table === 'slots') {
        const spaceId = pace.ended(mutation.id as SessionId);
        if (spaceId !== undefined) loop.wake(spaceId);
        ended.add(1, { how: view.get('sessions', mutation.id) === undefined ? 'given_up' : 'claimed' });
        wakeWaiting();
      }
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'slots' && pace.changed(mutation.row)) {
        loop.wake(mutation.row.spaceId);
        wakeWaiting();
      }
      if (mutation.table === 'sessions' && pace.session(mutation.row)) wakeWaiting();
      if (mutation.table === 'spaces') loop.wake(mutation.row.id);
      if (mutation.table === 'builds' && mutation.row.status === 'completed') loop.wake(mutation.row.spaceId);
      if (mutation.table === 'nodes') for (const id of pace.spacesOn(mutation.row.id)) loop.wake(id);
    }
    for (const { type, sessionId } of events) {
      const row = type === 'session.created' && sessionId !== null ? view.get('sessions', sessionId) : undefined;
      if (row === undefined || !couldClaim(row)) continue;
      demand.created(row.spaceId, row, clock.monotonic());
      starts.add(1, { how: row.generation > SLOT_GENERATION && row.placedGeneration === SLOT_GENERATION ? 'slot' : 'cold' });
      loop.wake(row.spaceId);
    }
  });
  fleet.listen({
    live: wakeWaiting,
    imagesChanged: wakeWaiting,
    closed: () => undefined,
    slotFailed: (slot) => pace.failed(slot),
  });
  return loop;
}

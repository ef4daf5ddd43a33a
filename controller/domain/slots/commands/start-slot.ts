import type { BuildRow } from '../../builds/rows.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { Fleet, FleetNode } from '../../engine/fleet.ts';
import type { SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import type { View } from '../../engine/view.ts';
import { imagePlatforms } from '../../images/repository.ts';
import type { Need } from '../../sessions/placement/filters.ts';
import { place } from '../../sessions/placement/placement.ts';
import { placementRules } from '../../sessions/placement/placement-rules.ts';
import type { SpaceRow } from '../../spaces/rows.ts';
import { quotasIn } from '../../spaces/space-settings.ts';
import { withSlots } from '../make-room.ts';
import type { SlotKind, SlotRow } from '../rows.ts';
import { slotsIn } from '../slot-settings.ts';

/** A kind of slots of a space as it is now. */
export interface CurrentKind extends SlotKind {
  /** The build of the image; undefined for the base image. */
  readonly build: Pick<BuildRow, 'id' | 'agents'> | undefined;
}

export interface NewSlot {
  readonly id: SessionId;
  readonly spaceId: SpaceRow['id'];
  readonly kind: CurrentKind;
  /** Whether a node can start one now. */
  isFree(node: FleetNode): boolean;
}

/** Starts a slot where there is room, besides sessions, slots and the headroom. Returns whether it did. */
export function startSlot(input: NewSlot): Command<boolean> {
  return {
    name: 'start-slot',
    decide({ view, fleet, now }) {
      const placed = placeSlot(view, fleet, input);
      if (placed === undefined) return unchanged(false);
      const { image, profile, imageName, requests, limits, build } = input.kind;
      const row: SlotRow = {
        ...{ id: input.id, spaceId: input.spaceId, nodeId: placed.id, image, profile, imageName, requests, limits },
        ...{ buildId: build?.id ?? null, agents: build?.agents ?? [] },
        ...{ phase: 'none', observedOrder: null, containerId: null, volume: null, isolation: null, createdAt: now, phaseAt: now },
      };
      return { mutations: [put('slots', row)], events: [], result: true };
    },
  };
}

/** Returns the node for a new slot; undefined: none has room, or the space has too little left. */
export function placeSlot(view: View, fleet: Fleet, { spaceId, kind, isFree }: NewSlot): FleetNode | undefined {
  const space = view.get('spaces', spaceId);
  if (space === undefined || !space.active || exceeds(fleet, space, kind)) return undefined;
  const { headroom } = slotsIn(space.settings, fleet.sizes.slots);
  const placement = placementRules(fleet, space, { constraints: [], preferences: [] });
  const platforms = imagePlatforms(view, kind.image);
  const need: Need = {
    spaceId,
    requests: kind.requests,
    limits: kind.limits,
    image: kind.image,
    profile: kind.profile,
    platforms,
    placement,
  };
  const nodes = fleet.nodes().filter((node) => node.takesSlots !== false && node.images.has(kind.image) && isFree(node));
  const roomy = nodes.map((node) => lessHeadroom(withSlots(node), headroom));
  const found = place(roomy, need, fleet.sizes);
  return found.ok ? nodes.find(({ id }) => id === found.nodeId) : undefined;
}

const lessHeadroom = (node: FleetNode, headroom: number): FleetNode => ({
  ...node,
  cpuMillis: Math.floor(node.cpuMillis * (1 - headroom)),
  memoryBytes: Math.floor(node.memoryBytes * (1 - headroom)),
});

/** Slots count as CPU and memory of their space, never as sessions. */
function exceeds(fleet: Fleet, { id, settings }: SpaceRow, { requests }: SlotKind): boolean {
  const { cpu, memory_bytes: memory } = quotasIn(settings) ?? {};
  const [use, slots] = [fleet.spaceUse(id), fleet.slotUse(id)];
  return (
    (cpu !== undefined && use.cpuMillis + slots.cpuMillis + requests.cpuMillis > Math.round(cpu * 1000)) ||
    (memory !== undefined && use.memoryBytes + slots.memoryBytes + requests.memoryBytes > memory)
  );
}

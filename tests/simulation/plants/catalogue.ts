import { BUILD_PLANTS } from './build-plants.ts';
import { COMMAND_PLANTS } from './command-plants.ts';
import { CONTROLLER_PLANTS } from './controller-plants.ts';
import { GUEST_PLANTS, HOP_PLANTS } from './guest-plants.ts';
import { IDENTITY_PLANTS } from './identity-plants.ts';
import { IMAGE_PLANTS } from './image-plants.ts';
import { JOIN_PLANTS } from './join-plants.ts';
import { MAINTENANCE_PLANTS } from './maintenance-plants.ts';
import { NODE_PLANTS } from './node-plants.ts';
import { PLACEMENT_PLANTS } from './placement-plants.ts';
import type { Plant } from './plant.ts';
import { RELEASE_PLANTS } from './release-plants.ts';
import { ROOM_PLANTS } from './room-plants.ts';
import { SLOT_PLANTS } from './slot-plants.ts';
import { PROCESS_PLANTS, TICKET_PLANTS, USE_PLANTS } from './use-plants.ts';

/** All planted faults by name. */
export const PLANTS: Readonly<Record<string, Plant>> = {
  ...COMMAND_PLANTS,
  ...ROOM_PLANTS,
  ...SLOT_PLANTS,
  ...CONTROLLER_PLANTS,
  ...MAINTENANCE_PLANTS,
  ...IDENTITY_PLANTS,
  ...IMAGE_PLANTS,
  ...BUILD_PLANTS,
  ...PLACEMENT_PLANTS,
  ...JOIN_PLANTS,
  ...RELEASE_PLANTS,
  ...NODE_PLANTS,
  ...HOP_PLANTS,
  ...GUEST_PLANTS,
  ...USE_PLANTS,
  ...PROCESS_PLANTS,
  ...TICKET_PLANTS,
};

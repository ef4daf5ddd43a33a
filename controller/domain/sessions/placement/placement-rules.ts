import type { ANTI_AFFINITIES, Strategy } from '../../../contract/scheduling/space-scheduling.ts';
import type { Fleet } from '../../engine/fleet.ts';
import type { NodeId } from '../../engine/ids.ts';
import type { SpaceRow } from '../../spaces/rows.ts';
import { schedulingIn } from '../../spaces/space-settings.ts';
import type { SessionRow } from '../rows.ts';

/** What a session and its space ask of nodes, apart from room. */
export interface PlacementRules extends Pick<SessionRow, 'constraints' | 'preferences'> {
  readonly spaceConstraints: SessionRow['constraints'];
  readonly strategy: Strategy;
  readonly antiAffinity: (typeof ANTI_AFFINITIES)[number];
  /** Counts the sessions of the space on a node, suspended ones too: they wake there. */
  readonly sessionsOfSpace: (node: NodeId) => number;
}

export const NO_PLACEMENT_RULES: PlacementRules = {
  constraints: [],
  spaceConstraints: [],
  preferences: [],
  strategy: 'spread',
  antiAffinity: 'none',
  sessionsOfSpace: () => 0,
};

/** Returns the rules for a session that is placed in this space. */
export function placementRules(
  fleet: Fleet,
  { id, settings }: Pick<SpaceRow, 'id' | 'settings'>,
  { constraints, preferences }: Pick<SessionRow, 'constraints' | 'preferences'>,
): PlacementRules {
  const space = schedulingIn(settings);
  return {
    constraints,
    spaceConstraints: space.constraints ?? [],
    preferences: [...preferences, ...(space.preferences ?? [])],
    strategy: space.strategy ?? 'spread',
    antiAffinity: space.anti_affinity ?? 'none',
    sessionsOfSpace: (node) => fleet.sessionsOfSpace(id, node),
  };
}

import type { SessionObject } from '../../../contract/sessions.ts';
import type { BuildRow } from '../../builds/rows.ts';
import type { BuildView } from '../../builds/view.ts';
import { type Command, type Decision, unchanged } from '../../engine/command.ts';
import type { Fleet } from '../../engine/fleet.ts';
import { type KnownRequest, remember } from '../../engine/idempotency.ts';
import type { SessionId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import { imagePlatforms } from '../../images/repository.ts';
import { type NewSandbox, sandboxOf } from '../../sandboxes/new-sandbox.ts';
import { slotFor } from '../../slots/claim-slot.ts';
import { claimedRow } from '../../slots/slot.ts';
import { NO_SPACE } from '../../spaces/refusals.ts';
import type { SpaceRow } from '../../spaces/rows.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';
import type { Need, Yields } from '../placement/filters.ts';
import { noRoom } from '../placement/no-room.ts';
import { placeOn } from '../placement/placement.ts';
import { placementRules } from '../placement/placement-rules.ts';
import { refusedProfile } from '../profile-admission.ts';
import { recalledSession } from '../recalled-session.ts';
import type { SessionRow } from '../rows.ts';
import { sessionObject } from '../session-object.ts';
import { firstRow, type RequestedSession } from '../session-row.ts';
import { type RequestedSizes, sizesOf } from '../session-sizes.ts';

/** An image of workstations: its name for people, and the tag of what is made from it. */
export interface WorkstationImage {
  readonly name: string;
  readonly image: string;
}

export interface NewSession extends Omit<RequestedSession, 'requests' | 'limits' | 'constraints' | 'preferences' | 'profile'> {
  /** The image of a workstation. Undefined: the session is locked, and has an image of agents. */
  readonly workstation?: WorkstationImage | undefined;
  /** Rules about nodes, beside those of the space. Undefined: none. */
  readonly constraints?: SessionRow['constraints'] | undefined;
  readonly preferences?: SessionRow['preferences'] | undefined;
  /** The sizes that the client asked for. The space's settings decide about the rest. */
  readonly resources?: RequestedSizes | undefined;
  /** The image of sessions in a space without a completed build. */
  readonly baseImage: string;
  /** The session to record as its parent. The two share nothing. */
  readonly parentId?: SessionId;
  /** What it is for the API of E2B. */
  readonly sandbox?: NewSandbox | undefined;
  readonly request: KnownRequest | undefined;
  /** Undefined: it is its turn. */
  readonly yields?: Yields | undefined;
}

/**
 * Takes a slot for a new session, or places it on a node that has room and the space's newest image. Refuses with 503 and
 * each node's reason if there is none, and with 409 if the space accepts no more.
 */
export function createSession(input: NewSession): Command<Outcome<SessionObject>> {
  return {
    name: 'create-session',
    grows: true,
    decide({ view, fleet, now }) {
      const space = view.get('spaces', input.spaceId);
      if (space === undefined) return unchanged(NO_SPACE);
      const recalled = recalledSession(view, input.request);
      if (recalled !== undefined) return unchanged(recalled);
      const needed = neededBy(view, fleet, space, input);
      if (!needed.ok) return unchanged(needed);
      const { need, build, profile, constraints, preferences } = needed.value;
      const { requests, limits, image } = need;
      const refusal = refusedBySpace(view, fleet, input.spaceId, {
        sessions: 1,
        requests,
        storageBytes: limits.diskBytes,
      });
      if (refusal !== undefined) return unchanged(refusal);
      const asked = { ...input, profile, constraints, preferences, requests, limits };
      const imageName = input.workstation?.name ?? null;
      const isUsual = constraints.length === 0 && preferences.length === 0;
      const slot = isUsual
        ? slotFor(view, fleet, { ...need, yields: input.yields }, { image, profile, imageName, requests, limits })
        : undefined;
      if (slot !== undefined)
        return created(view, space, input, claimedRow(slot, asked, now), now, [{ kind: 'remove', table: 'slots', id: slot.id }]);
      const placement = placeOn(fleet, { ...need, yields: input.yields }, fleet.sizes);
      if (!placement.ok) return unchanged(noRoom(need, placement.obstacles));
      const placed = { nodeId: placement.nodeId, image, imageName: imageName ?? undefined, build };
      return created(view, space, input, firstRow(asked, placed, now), now);
    },
  };
}

function created(
  view: RowView,
  space: SpaceRow,
  { parentId, sandbox, request }: Pick<NewSession, 'parentId' | 'sandbox' | 'request'>,
  first: SessionRow,
  now: number,
  more: readonly Mutation[] = [],
): Decision<Outcome<SessionObject>> {
  const row: SessionRow = { ...first, parentId: parentId ?? null };
  const session = sessionObject(view, row);
  return {
    mutations: [...more, put('sessions', row), ...sandboxOf(sandbox, row), ...remember(request, row.id, now)],
    events: [{ type: 'session.created', spaceId: row.spaceId, sessionId: row.id, data: { space: space.name, session } }],
    result: accepted(session),
  };
}

interface Needed extends Pick<SessionRow, 'profile' | 'constraints' | 'preferences'> {
  readonly need: Need;
  readonly build: BuildRow | undefined;
}

/** Returns what a new session needs of a node, or a refusal of its profile or sizes. */
export function neededBy(view: RowView & BuildView, fleet: Fleet, space: SpaceRow, input: NewSession): Outcome<Needed> {
  const { workstation } = input;
  const profile = workstation === undefined ? 'locked' : 'workstation';
  const refusal = refusedProfile(space, profile, workstation?.name);
  if (refusal !== undefined) return refusal;
  const sizes = sizesOf(fleet.sizes, space.settings, input.resources, { profile, nodes: fleet.maxima });
  if (!sizes.ok) return sizes;
  const { constraints = [], preferences = [] } = input;
  const build = workstation === undefined ? view.newestBuild(space.id, 'completed') : undefined;
  const image = workstation?.image ?? build?.image ?? input.baseImage;
  const placement = placementRules(fleet, space, { constraints, preferences });
  return accepted({
    need: { spaceId: space.id, ...sizes.value, image, profile, platforms: imagePlatforms(view, image), placement },
    build,
    profile,
    constraints,
    preferences,
  });
}

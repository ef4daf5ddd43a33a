/** What requests for new sessions ask for, as far as their callers can. */
import type { Random } from '../../../seams/random.ts';
import { WORKSTATION_IMAGE } from '../../contract/profiles.ts';
import type { CreateSession, RemixSession } from '../../contract/sessions.ts';
import type { KnownRequest } from '../../domain/engine/idempotency.ts';
import type { SessionId, SpaceId } from '../../domain/engine/ids.ts';
import { accepted, hidden, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { NewSession } from '../../domain/sessions/commands/create-session.ts';
import type { Remix } from '../../domain/sessions/commands/remix-session.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { sessionDefaults } from '../../domain/spaces/space-settings.ts';
import { forbidden, sessionFor, spaceFor } from '../access/access.ts';
import type { Caller, Idempotency } from '../access/caller.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import { workstationImage } from '../images/workstation-image.ts';

export interface RequestDeps {
  readonly view: View;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
}

/** A parent that the caller cannot see looks as if it did not exist. */
function parentOf(view: View, caller: Caller, id: string | undefined): Outcome<{ readonly parentId?: SessionId }> {
  if (id === undefined) return accepted({});
  const parent = sessionFor(view, caller, id, 'get');
  if (parent.ok) return accepted({ parentId: parent.value.id });
  const none = refused('NOT_FOUND', 'The parent session does not exist.');
  return parent.refusal.hidden === true ? hidden(none) : none;
}

/** Returns the space of the copy, in which the caller must be able to create sessions. */
function remixSpace(view: View, caller: Caller, parent: SessionRow, name: string | undefined): Outcome<SpaceId> {
  if (name !== undefined) {
    const space = spaceFor(view, caller, name, 'sessions', 'create');
    return space.ok ? accepted(space.value.id) : space;
  }
  return caller.permissions.allows('sessions', 'create', parent.spaceId) ? accepted(parent.spaceId) : forbidden('sessions', 'create');
}

const IMAGE_OF_LOCKED = refused(
  'UNPROCESSABLE_ENTITY',
  'image can be chosen for the profile workstation only: locked sessions have the image of their agents. Leave it out, or send profile=workstation.',
  [{ path: 'image', problem: 'can be chosen for the profile workstation only' }],
);

/** Returns the session that the caller asks for, if they can create it. */
export function newSession(deps: RequestDeps, caller: Caller, input: CreateSession, idempotency?: Idempotency): Outcome<NewSession> {
  const space = spaceFor(deps.view, caller, input.space ?? 'default', 'sessions', 'create');
  if (!space.ok) return space;
  const { profile = 'locked', image } = input;
  if (profile === 'locked' && image !== undefined) return IMAGE_OF_LOCKED;
  const parent = parentOf(deps.view, caller, input.parent_session_id);
  if (!parent.ok) return parent;
  return accepted({
    id: deps.random.uuid() as SessionId,
    spaceId: space.value.id,
    name: input.name ?? null,
    metadata: input.metadata ?? {},
    timeouts: { ...sessionDefaults(space.value.settings).timeouts, ...input.timeouts },
    resources: input.resources,
    constraints: input.constraints,
    preferences: input.preferences,
    ...parent.value,
    workstation: profile === 'workstation' ? workstationImage(image ?? WORKSTATION_IMAGE, deps.baseImage) : undefined,
    baseImage: deps.baseImage,
    by: { accountId: caller.accountId, user: caller.user },
    request: knownRequest(deps.storeKey, caller, idempotency),
  });
}

/** Returns the parent of a remix, if the caller can copy it. */
export const parentOfRemix = (view: View, caller: Caller, id: SessionId, { data = true, messages = false }: RemixSession) =>
  sessionFor(view, caller, id, data || messages ? 'update' : 'get');

/** Returns the remix that the caller asks for, if they can create it where it goes. */
export function newRemix(
  { view, random, baseImage }: RequestDeps,
  caller: Caller,
  parent: SessionRow,
  input: RemixSession,
  request: KnownRequest | undefined,
): Outcome<Remix> {
  const { data = true, messages = false, name = null, metadata, constraints, preferences } = input;
  const spaceId = remixSpace(view, caller, parent, input.space);
  if (!spaceId.ok) return spaceId;
  // Copying files to another space equals downloading them.
  const leaves = data && spaceId.value !== parent.spaceId ? sessionFor(view, caller, parent.id, 'files') : accepted(undefined);
  if (!leaves.ok) return leaves;
  const by = { accountId: caller.accountId, user: caller.user };
  return accepted({
    ...{ id: random.uuid() as SessionId, parentId: parent.id, spaceId: spaceId.value, baseImage, name, metadata },
    ...{ data, messages, constraints, preferences, by, request },
  });
}

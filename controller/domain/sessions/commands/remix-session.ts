import type { SessionObject } from '../../../contract/sessions.ts';
import type { BuildView } from '../../builds/view.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { Fleet, FleetNode } from '../../engine/fleet.ts';
import { type KnownRequest, remember } from '../../engine/idempotency.ts';
import type { SessionId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import type { NewEvent } from '../../events/events.ts';
import { imagePlatforms } from '../../images/repository.ts';
import { MAX_QUEUED } from '../../messages/queue.ts';
import type { MessageView } from '../../messages/view.ts';
import { type NewSandbox, sandboxOf } from '../../sandboxes/new-sandbox.ts';
import { NO_SPACE } from '../../spaces/refusals.ts';
import type { SpaceRow } from '../../spaces/rows.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';
import type { Need, Yields } from '../placement/filters.ts';
import { noRoom } from '../placement/no-room.ts';
import { placeOn } from '../placement/placement.ts';
import { placementRules } from '../placement/placement-rules.ts';
import { refusedProfile } from '../profile-admission.ts';
import { recalledSession } from '../recalled-session.ts';
import { NO_SESSION } from '../refusals.ts';
import type { SessionRow } from '../rows.ts';
import { sessionObject } from '../session-object.ts';
import { firstRow, type RequestedSession } from '../session-row.ts';
import { clampLimits, lowered, maxIn } from '../session-sizes.ts';
import type { SessionView } from '../view.ts';
import { maxOn } from './change-desired.ts';

/** Bounds of the copied conversation: the newest messages, at most this many. */
export const MAX_COPIED_MESSAGES = 5000;
/** The same in bytes. */
export const MAX_COPIED_BYTES = 16 * 1024 * 1024;
/** Maximum number of pending copies of one volume, because each copy freezes it. */
export const MAX_COPIES_AT_ONCE = 100;

export interface Remix extends Pick<RequestedSession, 'id' | 'spaceId' | 'name' | 'by'> {
  readonly parentId: SessionId;
  /** Undefined uses the parent's. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** Whether its volume starts as a copy of the parent's. */
  readonly data: boolean;
  /** Whether it starts with the parent's messages, except unanswered ones. */
  readonly messages: boolean;
  /** Undefined uses the parent's. */
  readonly constraints?: SessionRow['constraints'] | undefined;
  readonly preferences?: SessionRow['preferences'] | undefined;
  readonly baseImage: string;
  /** What the copy is for the API of E2B. */
  readonly sandbox?: NewSandbox | undefined;
  readonly request: KnownRequest | undefined;
  /** Undefined: it is its turn. */
  readonly yields?: Yields | undefined;
}

/**
 * Creates a running session from another one: with the parent's timeouts and, within its own
 * space's maxima, sizes; optionally with a copy of its volume and its conversation. Unanswered
 * messages stay with the parent. Volumes do not move between nodes: a copy is placed on the
 * parent's node. Refuses with 503 if that has no room, and with 409 if the node or the volume is
 * lost.
 */
export function remixSession(remix: Remix): Command<Outcome<SessionObject>> {
  return {
    name: 'remix-session',
    grows: true,
    decide({ view, fleet, now }) {
      // Before other checks: a repeated request returns what it created, even if the parent is
      // gone.
      const recalled = recalledSession(view, remix.request);
      if (recalled !== undefined) return unchanged(recalled);
      const parent = view.get('sessions', remix.parentId);
      if (parent === undefined || parent.desired === 'deleted') return unchanged(NO_SESSION);
      const space = view.get('spaces', remix.spaceId);
      if (space === undefined) return unchanged(NO_SPACE);
      const needed = neededForRemix(view, fleet, remix, parent, space);
      if (!needed.ok) return unchanged(needed);
      const { need, build, source, constraints, preferences } = needed.value;
      const { requests, limits, image } = need;
      const history = remix.messages ? historyOf(view, parent.id, remix.id) : { mutations: [], bytes: 0 };
      const storageBytes = limits.diskBytes + history.bytes;
      const refusal = refusedBySpace(view, fleet, remix.spaceId, { sessions: 1, requests, storageBytes });
      if (refusal !== undefined) return unchanged(refusal);
      const placement = placeOn(fleet, { ...need, yields: remix.yields }, fleet.sizes);
      if (!placement.ok) return unchanged(noRoom(need, placement.obstacles));
      const asked = {
        ...remix,
        metadata: remix.metadata ?? parent.metadata,
        timeouts: parent.timeouts,
        requests,
        limits,
        profile: parent.profile,
        constraints,
        preferences,
      };
      const row: SessionRow = {
        ...firstRow(asked, { nodeId: placement.nodeId, image, imageName: parent.imageName ?? undefined, build }, now),
        parentId: parent.id,
        copyFrom: source,
        lastSeq: remix.messages ? parent.lastSeq : 0,
      };
      const session = sessionObject(view, row);
      return {
        mutations: [put('sessions', row), ...sandboxOf(remix.sandbox, row), ...history.mutations, ...remember(remix.request, row.id, now)],
        events: [
          remixed(view, remix, parent),
          { type: 'session.created', spaceId: row.spaceId, sessionId: row.id, data: { space: space.name, session } },
        ],
        result: accepted(session),
      };
    },
  };
}

interface Needed extends Pick<SessionRow, 'constraints' | 'preferences'> {
  readonly need: Need;
  readonly build: ReturnType<typeof startOf>['build'];
  /** The session whose volume to copy; null if none. */
  readonly source: SessionId | null;
}

/** Returns what a remix needs of a node, or why it is impossible whatever room there is. */
export function neededForRemix(
  view: RowView & SessionView & BuildView,
  fleet: Fleet,
  remix: Remix,
  parent: SessionRow,
  space: SpaceRow,
): Outcome<Needed> {
  const refusal = refusedProfile(space, parent.profile, parent.imageName ?? undefined);
  if (refusal !== undefined) return refusal;
  const most = maxIn(fleet.sizes, space.settings);
  // The copied disk is created on the parent's node.
  const { requests, limits: kept } = lowered(parent, remix.data ? maxOn(fleet, parent.nodeId, most) : most);
  const limits = remix.data ? kept : clampLimits(kept, most);
  if (limits.diskBytes > most.diskBytes) return tooLarge(limits.diskBytes, most.diskBytes);
  const source = remix.data ? sourceOf(view, fleet, parent) : accepted(null);
  if (!source.ok) return source;
  const onlyOn = source.value === null ? undefined : (parent.nodeId ?? undefined);
  const nodes = onlyOn === undefined ? fleet.nodes() : [fleet.node(onlyOn)].filter((node) => node !== undefined);
  const { image, build } = startOf(view, remix, parent, nodes);
  const { constraints = parent.constraints, preferences = parent.preferences } = remix;
  const placement = placementRules(fleet, space, { constraints, preferences });
  const need = {
    spaceId: remix.spaceId,
    requests,
    limits,
    image,
    profile: parent.profile,
    platforms: imagePlatforms(view, image),
    placement,
    onlyOn,
  };
  return accepted({ need, build, source: source.value, constraints, preferences });
}

/**
 * Returns the event for watchers of the parent: who copied it, what was copied, the copy's id, and
 * whether it left the space. It does not name the other space, which they may not see.
 */
const remixed = (view: RowView, { id, by, data, messages, spaceId }: Remix, parent: SessionRow): NewEvent => ({
  type: 'session.remixed',
  spaceId: parent.spaceId,
  sessionId: parent.id,
  data: {
    space: view.get('spaces', parent.spaceId)?.name ?? parent.spaceId,
    remix: { session_id: id, created_by: by.user, data, messages, left_space: spaceId !== parent.spaceId },
  },
});

const tooLarge = (bytes: number, most: number) =>
  refused(
    'CONFLICT',
    `The disk of this session has ${bytes} bytes, and sessions of that space can have at most ${most}. Send data=false to start with an empty disk.`,
  );

/** Selects the parent's newest answered messages, within the bounds. */
function historyOf(view: MessageView, from: SessionId, to: SessionId): { readonly mutations: readonly Mutation[]; readonly bytes: number } {
  const waiting = new Set(view.queued(from, MAX_QUEUED.messages).map(({ id }) => id));
  let bytes = 0;
  let fromSeq: number | undefined;
  for (const { id, seq, bytes: size } of view.messageSizes(from, Number.MAX_SAFE_INTEGER, MAX_COPIED_MESSAGES)) {
    const copied = waiting.has(id) ? 0 : size;
    if (bytes + copied > MAX_COPIED_BYTES) break;
    bytes += copied;
    fromSeq = seq;
  }
  if (fromSeq === undefined) return { mutations: [], bytes: 0 };
  return { mutations: [{ kind: 'copy-messages', from, to, fromSeq }], bytes };
}

/** Returns the session whose volume to copy; null if nothing has been written yet. */
function sourceOf(view: RowView & SessionView, fleet: Fleet, parent: SessionRow): Outcome<SessionId | null> {
  const source = parent.hasRun ? parent.id : sourceBefore(view, parent);
  if (source === null) return accepted(null);
  if (view.copiesUnderWay(source, MAX_COPIES_AT_ONCE) >= MAX_COPIES_AT_ONCE) {
    const message = `${MAX_COPIES_AT_ONCE} copies of this volume are waiting, which is the limit. Retry in a few seconds.`;
    return refused('RATE_LIMITED', message, { retry_after_s: 5 });
  }
  const node = fleet.node(parent.nodeId);
  const instead = 'Send data=false to start with an empty volume.';
  if (node === undefined) return refused('CONFLICT', `The node with the volume of this session no longer exists. ${instead}`);
  if (typeof view.get('nodes', node.id)?.lostAt === 'number') {
    const message = `The node ${node.name} is lost and has the only copy of this session's volume. Retry once the node is back. ${instead}`;
    return refused('CONFLICT', message);
  }
  if (parent.desired === 'failed' && parent.hasRun && parent.phase === 'failed' && parent.volume === null)
    return refused('CONFLICT', `The volume of this session is missing on its node. ${instead}`);
  return accepted(source);
}

/**
 * Returns the source for a copy of a session that has never run: its volume is empty, or is itself
 * still to become a copy. Then its own source is copied, which outlives it. If that one is deleted,
 * its volume can be gone as soon as the parent's copy is complete; a node copies the parent after
 * that.
 */
function sourceBefore(view: RowView, parent: SessionRow): SessionId | null {
  if (parent.copyFrom === null) return null;
  const source = view.get('sessions', parent.copyFrom);
  return source === undefined || source.desired === 'deleted' ? parent.id : source.id;
}

/**
 * Returns the image of a remix: the space's newest build, as for any new session. Within the
 * parent's space, if no node has that build, the parent's image.
 */
function startOf(view: BuildView, remix: Remix, parent: SessionRow, nodes: readonly FleetNode[]) {
  // The files of its root are changes to that image.
  if (parent.profile === 'workstation') return { image: parent.image, build: undefined };
  const build = view.newestBuild(remix.spaceId, 'completed');
  const image = build?.image ?? remix.baseImage;
  if (remix.spaceId !== parent.spaceId || nodes.some(({ images }) => images.has(image))) return { image, build };
  if (!nodes.some(({ images }) => images.has(parent.image))) return { image, build };
  return { image: parent.image, build: parent.buildId === null ? undefined : { id: parent.buildId, agents: parent.agents } };
}

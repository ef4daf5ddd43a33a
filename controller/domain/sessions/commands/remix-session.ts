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
import { QUEUE_BOUND } from '../../messages/queue.ts';
import type { MessageView } from '../../messages/view.ts';
import { NO_SPACE } from '../../spaces/refusals.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';
import { noRoom, place } from '../placement.ts';
import { recalledSession } from '../recalled-session.ts';
import { NO_SESSION } from '../refusals.ts';
import type { SessionRow } from '../rows.ts';
import { sessionObject } from '../session-object.ts';
import { type AskedSession, firstRow } from '../session-row.ts';
import { lesser, lowered, maxIn } from '../session-sizes.ts';
import type { SessionView } from '../view.ts';
import { maxOn } from './change-desired.ts';

/** How much of a conversation goes along: the newest messages, at most so many. */
export const MAX_COPIED_MESSAGES = 5000;
/** And at most so many bytes of them. */
export const MAX_COPIED_BYTES = 16 * 1024 * 1024;
/** Copies of one volume that have not begun: it is frozen while each is made. */
export const MAX_COPIES_AT_ONCE = 100;

export interface Remix extends Pick<AskedSession, 'id' | 'spaceId' | 'name' | 'by'> {
  readonly parentId: SessionId;
  /** Undefined: as the parent's. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** Whether its volume begins as a copy of the parent's. */
  readonly data: boolean;
  /** Whether it begins with the parent's messages, those that nobody waits for an answer to. */
  readonly messages: boolean;
  readonly baseImage: string;
  readonly request: KnownRequest | undefined;
}

/**
 * A new running session that begins where another one is: with its timeouts and its sizes, as far as its space allows them, a copy of its volume, and its conversation if that is
 * asked for. What the parent still has to answer stays the parent's. A volume does not travel: the copy is placed on the parent's node, 503 with
 * the reason when there is no room and 409 when the node or the volume is lost.
 */
export function remixSession(remix: Remix): Command<Outcome<SessionObject>> {
  return {
    name: 'remix-session',
    grows: true,
    decide({ view, fleet, now }) {
      // First: what was made stays made, whatever became of the parent.
      const made = recalledSession(view, remix.request);
      if (made !== undefined) return unchanged(made);
      const parent = view.get('sessions', remix.parentId);
      if (parent === undefined || parent.desired === 'deleted') return unchanged(NO_SESSION);
      const space = view.get('spaces', remix.spaceId);
      if (space === undefined) return unchanged(NO_SPACE);
      const most = maxIn(fleet.sizes, space.settings);
      // A copy of its disk is made where the parent is.
      const { requests, limits: kept } = lowered(parent, remix.data ? maxOn(fleet, parent.nodeId, most) : most);
      const limits = remix.data ? kept : lesser(kept, most);
      if (limits.diskBytes > most.diskBytes) return unchanged(tooLarge(limits.diskBytes, most.diskBytes));
      const history = remix.messages ? historyOf(view, parent.id, remix.id) : { mutations: [], bytes: 0 };
      const storageBytes = limits.diskBytes + history.bytes;
      const refusal = refusedBySpace(view, fleet, remix.spaceId, { sessions: 1, requests, storageBytes });
      if (refusal !== undefined) return unchanged(refusal);
      const source = remix.data ? sourceOf(view, fleet, parent) : accepted(null);
      if (!source.ok) return unchanged(source);

      const nodes = fleet.nodes().filter(({ id }) => source.value === null || id === parent.nodeId);
      const start = startOf(view, remix, parent, nodes);
      const need = { spaceId: remix.spaceId, requests, limits, image: start.image };
      const placement = place(nodes, need, fleet.sizes);
      if (!placement.ok) {
        const stays = source.value === null ? '' : ' A copy of a volume is made on the node that holds it; data=false makes one without.';
        return unchanged(noRoom(need, placement.obstacles, stays));
      }
      const asked = { ...remix, metadata: remix.metadata ?? parent.metadata, timeouts: parent.timeouts, requests, limits };
      const row: SessionRow = {
        ...firstRow(asked, { nodeId: placement.nodeId, ...start }, now),
        ...{ parentId: parent.id, copyFrom: source.value, lastSeq: remix.messages ? parent.lastSeq : 0 },
      };
      const session = sessionObject(view, row);
      return {
        mutations: [put('sessions', row), ...history.mutations, ...remember(remix.request, row.id, now)],
        events: [
          remixed(view, remix, parent),
          { type: 'session.created', spaceId: row.spaceId, sessionId: row.id, data: { space: space.name, session } },
        ],
        answer: accepted(session),
      };
    },
  };
}

/**
 * Tells those who watch the parent that somebody has taken a copy, of what, and whether it left the space. To which one is not theirs
 * to know.
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
    `The disk of this session has ${bytes} bytes, and a session of that space can have at most ${most}: data=false makes one with an empty disk.`,
  );

/** The newest of the parent's messages, as far as the bounds go, except those that wait for an answer. */
function historyOf(view: MessageView, from: SessionId, to: SessionId): { readonly mutations: readonly Mutation[]; readonly bytes: number } {
  const waiting = new Set(view.queued(from, QUEUE_BOUND.messages).map(({ id }) => id));
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

/** Whose volume is to be copied; null: nobody has written anything yet. */
function sourceOf(view: RowView & SessionView, fleet: Fleet, parent: SessionRow): Outcome<SessionId | null> {
  // One that has not begun is itself an empty volume, or is still to become a copy.
  const source = parent.hasRun ? parent.id : parent.copyFrom;
  if (source === null) return accepted(null);
  if (view.copiesUnderWay(source, MAX_COPIES_AT_ONCE) >= MAX_COPIES_AT_ONCE) {
    const message = `${MAX_COPIES_AT_ONCE} copies of this volume have not begun yet, which is the limit. Retry in a few seconds.`;
    return refused('RATE_LIMITED', message, { retry_after_s: 5 });
  }
  const node = fleet.node(parent.nodeId);
  const instead = 'data=false makes a session with an empty volume.';
  if (node === undefined) return refused('CONFLICT', `The node that holds the volume of this session is not known any more: ${instead}`);
  if (typeof view.get('nodes', node.id)?.lostAt === 'number') {
    const message = `The node ${node.name} is lost, and holds the only copy of this session's volume: remix it once the node is back; ${instead}`;
    return refused('CONFLICT', message);
  }
  if (parent.desired === 'failed' && parent.hasRun && parent.phase === 'failed' && parent.volume === null)
    return refused('CONFLICT', `The volume of this session is missing on its node: ${instead}`);
  return accepted(source);
}

/**
 * A remix starts from the newest build of its space, like any new session. Within the parent's space, if no node has that build, it starts from
 * the parent's image.
 */
function startOf(view: BuildView, remix: Remix, parent: SessionRow, nodes: readonly FleetNode[]) {
  const build = view.newestBuild(remix.spaceId, 'completed');
  const image = build?.image ?? remix.baseImage;
  if (remix.spaceId !== parent.spaceId || nodes.some(({ images }) => images.has(image))) return { image, build };
  if (!nodes.some(({ images }) => images.has(parent.image))) return { image, build };
  return { image: parent.image, build: parent.buildId === null ? undefined : { id: parent.buildId, agents: parent.agents } };
}

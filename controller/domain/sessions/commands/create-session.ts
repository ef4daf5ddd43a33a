import type { SessionObject } from '../../../contract/sessions.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, remember } from '../../engine/idempotency.ts';
import type { SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import { NO_SPACE } from '../../spaces/refusals.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';
import { noRoom } from '../placement/no-room.ts';
import { place } from '../placement/placement.ts';
import { placementRules } from '../placement/placement-rules.ts';
import { recalledSession } from '../recalled-session.ts';
import type { SessionRow } from '../rows.ts';
import { sessionObject } from '../session-object.ts';
import { firstRow, type RequestedSession } from '../session-row.ts';
import { type RequestedSizes, sizesOf } from '../session-sizes.ts';

export interface NewSession extends Omit<RequestedSession, 'requests' | 'limits' | 'constraints' | 'preferences'> {
  /** Rules about nodes, beside those of the space. Undefined: none. */
  readonly constraints?: SessionRow['constraints'] | undefined;
  readonly preferences?: SessionRow['preferences'] | undefined;
  /** The sizes that the client asked for. The space's settings decide about the rest. */
  readonly resources?: RequestedSizes | undefined;
  /** The image of sessions in a space without a completed build. */
  readonly baseImage: string;
  /** The session to record as its parent. The two share nothing. */
  readonly parentId?: SessionId;
  readonly request: KnownRequest | undefined;
}

/**
 * Places a new session on a node that has room and the space's newest image. Refuses with 503 and
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
      const sizes = sizesOf(fleet.sizes, space.settings, input.resources);
      if (!sizes.ok) return unchanged(sizes);
      const { requests, limits } = sizes.value;
      const refusal = refusedBySpace(view, fleet, input.spaceId, {
        sessions: 1,
        requests,
        storageBytes: limits.diskBytes,
      });
      if (refusal !== undefined) return unchanged(refusal);
      const rules = { constraints: input.constraints ?? [], preferences: input.preferences ?? [] };
      const build = view.newestBuild(input.spaceId, 'completed');
      const image = build?.image ?? input.baseImage;
      const isInRegistry = view.get('images', image) !== undefined;
      const need = { spaceId: input.spaceId, requests, limits, image, isInRegistry, placement: placementRules(fleet, space, rules) };
      const placement = place(fleet.nodes(), need, fleet.sizes);
      if (!placement.ok) return unchanged(noRoom(need, placement.obstacles));
      const row: SessionRow = {
        ...firstRow({ ...input, ...rules, requests, limits }, { nodeId: placement.nodeId, image: need.image, build }, now),
        parentId: input.parentId ?? null,
      };
      const session = sessionObject(view, row);
      return {
        mutations: [put('sessions', row), ...remember(input.request, row.id, now)],
        events: [{ type: 'session.created', spaceId: row.spaceId, sessionId: row.id, data: { space: space.name, session } }],
        result: accepted(session),
      };
    },
  };
}

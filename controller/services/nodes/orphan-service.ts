import type { Orphan__Output } from '../../../proto/generated/raworc/node/v0/Orphan.ts';
import type { Verb } from '../../contract/access/roles.ts';
import type { OrphanObject } from '../../contract/nodes.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import { accepted, hidden, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { adoptOrphan, isExplained, type Orphan, removeOrphan } from '../../domain/nodes/commands/orphans.ts';
import { type SizeRules, sizesOf } from '../../domain/sessions/session-sizes.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { forbidden, nodeFor } from '../access/access.ts';
import type { Caller, Page } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import type { Fleet } from '../fleet/fleet.ts';

export type Orphans = ReturnType<typeof orphanService>;

export interface OrphanDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly fleet: Fleet;
  readonly baseImage: string;
  readonly sizes: SizeRules;
}

/**
 * Orphans: containers and volumes on nodes that belong to no session, as last reported. `node` is
 * an id or a name; 503 while it is not connected. Not stored.
 */
export function orphanService({ applier, view, fleet, baseImage, sizes: rules }: OrphanDeps) {
  function allOf(caller: Caller, ref: string, verb: Verb): Outcome<{ nodeId: NodeId; orphans: readonly Orphan__Output[] }> {
    const node = nodeFor(view, caller, ref, verb);
    if (!node.ok) return node;
    const { id, name } = node.value;
    const stream = fleet.stream(id);
    if (stream === undefined)
      return refused('UNAVAILABLE', `The node ${name} is not connected, so its orphans are unknown. Retry once it reconnects.`);
    const orphans = stream.facts.orphans.filter(({ sessionId }) => !isExplained(view, id, sessionId as SessionId));
    return accepted({ nodeId: id, orphans });
  }

  function one(caller: Caller, node: string, session: SessionId): Outcome<{ orphan: Orphan; space: string }> {
    const all = allOf(caller, node, 'update');
    if (!all.ok) return all;
    const found = all.value.orphans.find(({ sessionId }) => sessionId === session);
    if (found === undefined) return refused('NOT_FOUND', 'This node has no orphan with that id.');
    const { generation, space } = found;
    const left = { containerId: orNull(found.containerId), volume: orNull(found.volume), image: orNull(found.image), paused: found.paused };
    return accepted({ orphan: { sessionId: session, nodeId: all.value.nodeId, generation, ...left }, space });
  }

  return {
    list(caller: Caller, node: string, { limit, offset, order }: PageRequest): Outcome<Page<OrphanObject>> {
      const all = allOf(caller, node, 'get');
      if (!all.ok) return all;
      const shown = all.value.orphans.map((orphan) => orphanObject(orphan, seesSpace(caller, view.spaceByName(orphan.space))));
      const sorted = shown.sort((a, b) => (a.session_id < b.session_id ? -1 : 1));
      if (order === 'desc') sorted.reverse();
      return accepted({ items: sorted.slice(offset, offset + limit), total: sorted.length });
    },
    async adopt(caller: Caller, node: string, session: SessionId) {
      const found = one(caller, node, session);
      if (!found.ok) return found;
      const space = view.spaceByName(found.value.space);
      if (!seesSpace(caller, space)) return space === undefined ? NO_SPACE : hidden(NO_SPACE);
      if (space === undefined) {
        return refused('CONFLICT', `The space "${found.value.space}" of this orphan does not exist. Create the space, then retry.`);
      }
      // The adopter becomes the owner of files that others have left on the volume.
      for (const verb of ['create', 'update'] as const) {
        if (!caller.permissions.allows('sessions', verb, space.id)) return forbidden('sessions', verb);
      }
      const sizes = sizesOf(rules, space.settings);
      if (!sizes.ok) return sizes;
      const by = { accountId: caller.accountId, user: caller.user };
      return applier.submit(
        adoptOrphan({ orphan: found.value.orphan, spaceId: space.id, ...sizes.value, timeouts: {}, baseImage, by }),
        caller,
      );
    },
    /** Resolves once the tombstone is durable. */
    async remove(caller: Caller, node: string, session: SessionId) {
      const found = one(caller, node, session);
      return found.ok ? applier.submit(removeOrphan(found.value.orphan), caller) : found;
    },
  };
}

const orNull = (text: string): string | null => (text === '' ? null : text);

/** Deleted spaces are named only to callers who can see all spaces. */
const seesSpace = ({ permissions }: Caller, space: SpaceRow | undefined): boolean =>
  space === undefined ? permissions.allows('spaces', 'list', null) : permissions.knows(space.id);

const orphanObject = (orphan: Orphan__Output, seesSpace: boolean): OrphanObject => ({
  session_id: orphan.sessionId,
  generation: orphan.generation,
  container_id: orNull(orphan.containerId),
  persistent_volume_id: orNull(orphan.volume),
  space: seesSpace ? orNull(orphan.space) : null,
  // Its tag contains the name of its space.
  image: seesSpace ? orNull(orphan.image) : null,
});

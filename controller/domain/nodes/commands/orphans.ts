/**
 * Orphans: containers and volumes on a node that belong to no session. An operator adopts them as a
 * session or has them removed.
 */

import type { SessionObject } from '../../../contract/sessions.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { AccountId, NodeId, SessionId, SpaceId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import { occupiesRoom } from '../../sessions/life-cycle.ts';
import { shortOf } from '../../sessions/placement/filters.ts';
import type { Limits, Requests, SessionRow } from '../../sessions/rows.ts';
import { sessionObject } from '../../sessions/session-object.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';

/** An orphan as its node reports it, from labels. */
export interface Orphan {
  readonly sessionId: SessionId;
  readonly nodeId: NodeId;
  /** Its generation when it was created. */
  readonly generation: number;
  /** Null when there is none. */
  readonly containerId: string | null;
  readonly volume: string | null;
  /** The image of its container; null if that no longer exists. */
  readonly image: string | null;
  /** Whether its container is frozen. */
  readonly paused: boolean;
}

export interface Adoption {
  readonly orphan: Orphan;
  readonly spaceId: SpaceId;
  readonly requests: Requests;
  readonly limits: Limits;
  readonly timeouts: Readonly<Record<string, number>>;
  /** The image if neither its container nor a build of its space names one. */
  readonly baseImage: string;
  readonly by: { readonly accountId: AccountId; readonly user: string };
}

/**
 * Returns whether this id belongs to a session or to a removal in progress, and so is not an
 * orphan.
 */
export function isExplained(view: RowView, nodeId: NodeId, sessionId: SessionId): boolean {
  if (view.get('slots', sessionId)?.nodeId === nodeId) return true;
  const row = view.get('sessions', sessionId);
  return (row !== undefined && row.nodeId === nodeId && row.desired !== 'deleted') || view.get('tombstones', sessionId)?.nodeId === nodeId;
}

/**
 * Recreates a session's row from an orphan. With a container the session keeps running or stays
 * paused, untouched; with only a volume it is suspended and occupies no room until it is resumed.
 * Its messages are lost.
 */
export function adoptOrphan({ orphan, ...input }: Adoption): Command<Outcome<SessionObject>> {
  return {
    name: 'adopt-orphan',
    grows: true,
    decide({ view, fleet, now }) {
      const { sessionId, nodeId } = orphan;
      const known = view.get('sessions', sessionId);
      if (isExplained(view, nodeId, sessionId))
        return unchanged(refused('CONFLICT', 'This is no longer an orphan: it has become a session, or it is being removed.'));
      if (known !== undefined) {
        const what = known.desired === 'deleted' ? 'was deleted' : 'is on another node';
        return unchanged(refused('CONFLICT', `The session with this id ${what}, so this orphan can only be deleted.`));
      }
      if (orphan.volume === null)
        return unchanged(
          refused('CONFLICT', 'The volume of this orphan is missing or incomplete, so there is nothing to adopt. Delete the orphan.'),
        );
      const newest = view.newestBuild(input.spaceId, 'completed');
      const image = orphan.image ?? newest?.image ?? input.baseImage;
      const build = view.buildOfImage(input.spaceId, image);
      // Its guest has seen message numbers that are unknown here. All are below the current Unix
      // time in milliseconds.
      const seq = now;
      // The same applies to generations: its node can have reported later ones than that of its
      // creation.
      const generation = Math.max(orphan.generation + 1, now);
      const row: SessionRow = {
        ...{ id: sessionId, name: null, spaceId: input.spaceId, nodeId, image, buildId: build?.id ?? null, agents: build?.agents ?? [] },
        desired: orphan.containerId === null ? 'suspended' : orphan.paused ? 'paused' : 'running',
        ...{ generation, placedGeneration: generation },
        restoredFrom: null,
        ...{ requests: input.requests, limits: input.limits, timeouts: input.timeouts, metadata: {}, parentId: null, copyFrom: null },
        ...{ constraints: [], preferences: [], profile: 'locked', imageName: null, isolation: null },
        ...{ phase: 'none', observedGeneration: 0, observedOrder: null, containerId: orphan.containerId, volume: orphan.volume },
        ...{
          wakeWanted: false,
          keptAwake: false,
          graceMs: 0,
          hasRun: true,
          life: null,
          reason: null,
          lastSeq: seq,
          epochSeq: seq,
          outstanding: 0,
        },
        ...{ createdBy: input.by.user, createdById: input.by.accountId, createdAt: now, updatedAt: now },
        ...{ startedAt: null, lastActivityAt: now, terminatedAt: null, terminationReason: null },
      };
      const node = fleet.node(nodeId);
      const obstacle = node === undefined ? 'is unknown' : occupiesRoom(row) ? shortOf(node, row, fleet.sizes) : undefined;
      if (obstacle !== undefined) {
        return unchanged(
          refused(
            'UNAVAILABLE',
            `This orphan is running, but its node has no room for it as a session: ${node?.name ?? nodeId} ${obstacle}.`,
          ),
        );
      }
      const requests = occupiesRoom(row) ? row.requests : undefined;
      const refusal = refusedBySpace(view, fleet, input.spaceId, { sessions: 1, requests, storageBytes: row.limits.diskBytes });
      if (refusal !== undefined) return unchanged(refusal);
      const session = sessionObject(view, row);
      return {
        mutations: [put('sessions', row)],
        events: [{ type: 'session.created', spaceId: row.spaceId, sessionId, data: { space: session.space, session, adopted: true } }],
        result: accepted(session),
      };
    },
  };
}

/** Has the node remove an orphan, with a tombstone above the orphan's generation. */
export function removeOrphan({ sessionId, nodeId, generation }: Orphan): Command<Outcome<undefined>> {
  return {
    name: 'remove-orphan',
    decide({ view, now }) {
      const tombstone = view.get('tombstones', sessionId);
      if (isExplained(view, nodeId, sessionId) && tombstone === undefined)
        return unchanged(refused('CONFLICT', 'This orphan has become a session. Delete the session instead.'));
      if (tombstone !== undefined && tombstone.nodeId !== nodeId)
        return unchanged(refused('CONFLICT', 'Another node is removing a session with that id. Retry when it is done.'));
      const upToGeneration = Math.max(generation + 1, tombstone?.upToGeneration ?? 0);
      const row = { id: sessionId, nodeId, upToGeneration, createdAt: now };
      return { mutations: [put('tombstones', row)], events: [], result: accepted(undefined) };
    },
  };
}

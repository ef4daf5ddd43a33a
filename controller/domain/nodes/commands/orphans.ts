/** What a node holds and nothing explains: an operator takes it back as a session, or has it removed. */
import type { SessionObject } from '../../../contract/sessions.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { AccountId, NodeId, SessionId, SpaceId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import { occupiesRoom } from '../../sessions/life-cycle.ts';
import { shortOf } from '../../sessions/placement.ts';
import type { Limits, Requests, SessionRow } from '../../sessions/rows.ts';
import { sessionObject } from '../../sessions/session-object.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';

/** As its node tells of it, from labels. */
export interface Orphan {
  readonly sessionId: SessionId;
  readonly nodeId: NodeId;
  /** At which it was made. */
  readonly generation: number;
  /** Null: there is none. */
  readonly containerId: string | null;
  readonly volume: string | null;
  /** Of its container; null when that is gone. */
  readonly image: string | null;
  /** Its container is frozen. */
  readonly paused: boolean;
}

export interface Adoption {
  readonly orphan: Orphan;
  readonly spaceId: SpaceId;
  readonly requests: Requests;
  readonly limits: Limits;
  readonly timeouts: Readonly<Record<string, number>>;
  /** What it starts from where neither its container nor a build of its space says. */
  readonly baseImage: string;
  readonly by: { readonly accountId: AccountId; readonly user: string };
}

/** Whether the store explains what a node holds under this id: it is no orphan then, or is being removed. */
export function isExplained(view: RowView, nodeId: NodeId, sessionId: SessionId): boolean {
  const row = view.get('sessions', sessionId);
  return (row !== undefined && row.nodeId === nodeId && row.desired !== 'deleted') || view.get('tombstones', sessionId)?.nodeId === nodeId;
}

/**
 * Makes a session's row again from what is left of it. One that has a container runs on, or stays paused, untouched; one of which only the
 * volume is left is suspended, and takes no room until it is resumed. Its messages are not known any more.
 */
export function adoptOrphan({ orphan, ...input }: Adoption): Command<Outcome<SessionObject>> {
  return {
    name: 'adopt-orphan',
    grows: true,
    decide({ view, fleet, now }) {
      const { sessionId, nodeId } = orphan;
      const known = view.get('sessions', sessionId);
      if (isExplained(view, nodeId, sessionId))
        return unchanged(refused('CONFLICT', 'This is a session, or is being removed: it is no orphan any more.'));
      if (known !== undefined) {
        const what = known.desired === 'deleted' ? 'was deleted' : 'is on another node';
        return unchanged(refused('CONFLICT', `The session of that id ${what}: what is left here can only be removed.`));
      }
      if (orphan.volume === null)
        return unchanged(refused('CONFLICT', 'Its volume is gone, or was never whole: there is nothing to adopt.'));
      const newest = view.newestBuild(input.spaceId, 'completed');
      const image = orphan.image ?? newest?.image ?? input.baseImage;
      const build = view.buildOfImage(input.spaceId, image);
      // Its guest holds numbers that are not known here. All were given before now, and are less than the milliseconds of the Unix time.
      const seq = now;
      // The same for generations: its node may have reported later ones than that at which it was made.
      const generation = Math.max(orphan.generation + 1, now);
      const row: SessionRow = {
        ...{ id: sessionId, name: null, spaceId: input.spaceId, nodeId, image, buildId: build?.id ?? null, agents: build?.agents ?? [] },
        desired: orphan.containerId === null ? 'suspended' : orphan.paused ? 'paused' : 'running',
        ...{ generation, placedGeneration: generation },
        restoredFrom: null,
        ...{ requests: input.requests, limits: input.limits, timeouts: input.timeouts, metadata: {}, parentId: null, copyFrom: null },
        ...{ phase: 'none', observedGeneration: 0, observedOrder: null, containerId: orphan.containerId, volume: orphan.volume },
        ...{ graceMs: 0, hasRun: true, life: null, reason: null, lastSeq: seq, epochSeq: seq, outstanding: 0 },
        ...{ createdBy: input.by.user, createdById: input.by.accountId, createdAt: now, updatedAt: now },
        ...{ startedAt: null, lastActivityAt: now, terminatedAt: null, terminationReason: null },
      };
      const node = fleet.node(nodeId);
      const obstacle = node === undefined ? 'is not known' : occupiesRoom(row) ? shortOf(node, row, fleet.sizes) : undefined;
      if (obstacle !== undefined) {
        return unchanged(
          refused('UNAVAILABLE', `It runs, and its node has no room to account for it: ${node?.name ?? nodeId} ${obstacle}.`),
        );
      }
      const requests = occupiesRoom(row) ? row.requests : undefined;
      const refusal = refusedBySpace(view, fleet, input.spaceId, { sessions: 1, requests, storageBytes: row.limits.diskBytes });
      if (refusal !== undefined) return unchanged(refusal);
      const session = sessionObject(view, row);
      return {
        mutations: [put('sessions', row)],
        events: [{ type: 'session.created', spaceId: row.spaceId, sessionId, data: { space: session.space, session, adopted: true } }],
        answer: accepted(session),
      };
    },
  };
}

/** Lets the node remove what it holds under this id: by a tombstone above the generation at which that was made. */
export function removeOrphan({ sessionId, nodeId, generation }: Orphan): Command<Outcome<undefined>> {
  return {
    name: 'remove-orphan',
    decide({ view, now }) {
      const tombstone = view.get('tombstones', sessionId);
      if (isExplained(view, nodeId, sessionId) && tombstone === undefined)
        return unchanged(refused('CONFLICT', 'This is a session, and no orphan any more: delete the session.'));
      if (tombstone !== undefined && tombstone.nodeId !== nodeId)
        return unchanged(refused('CONFLICT', 'Another node is removing a session of that id: try again when it is done.'));
      const upToGeneration = Math.max(generation + 1, tombstone?.upToGeneration ?? 0);
      const row = { id: sessionId, nodeId, upToGeneration, createdAt: now };
      return { mutations: [put('tombstones', row)], events: [], answer: accepted(undefined) };
    },
  };
}

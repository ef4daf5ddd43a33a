import type { BuildRow } from '../builds/rows.ts';
import type { AccountId, NodeId } from '../engine/ids.ts';
import type { SessionRow } from './rows.ts';

/** The client's part of a new session. */
export interface RequestedSession
  extends Pick<
    SessionRow,
    'id' | 'spaceId' | 'name' | 'metadata' | 'timeouts' | 'requests' | 'limits' | 'constraints' | 'preferences' | 'profile'
  > {
  readonly by: { readonly accountId: AccountId; readonly user: string };
}

/** Its placement and image. */
export interface Placed {
  readonly nodeId: NodeId;
  readonly image: string;
  /** Of a workstation. */
  readonly imageName?: string | undefined;
  /** The build of the image; undefined for the base image. */
  readonly build: Pick<BuildRow, 'id' | 'agents'> | undefined;
}

/** Returns the first row of a session: desired running, nothing observed. */
export function firstRow(asked: RequestedSession, { nodeId, image, imageName, build }: Placed, now: number): SessionRow {
  const { id, name, spaceId, metadata, timeouts, requests, limits, constraints, preferences, profile, by } = asked;
  return {
    id,
    name,
    spaceId,
    metadata,
    timeouts,
    requests,
    limits,
    constraints,
    preferences,
    createdBy: by.user,
    createdById: by.accountId,
    nodeId,
    image,
    profile,
    imageName: imageName ?? null,
    isolation: null,
    buildId: build?.id ?? null,
    agents: build?.agents ?? [],
    desired: 'running',
    generation: 1,
    placedGeneration: 1,
    restoredFrom: null,
    phase: 'none',
    observedGeneration: 0,
    observedOrder: null,
    containerId: null,
    volume: null,
    wakeWanted: false,
    keptAwake: false,
    graceMs: 0,
    hasRun: false,
    life: null,
    reason: null,
    lastSeq: 0,
    epochSeq: 0,
    outstanding: 0,
    parentId: null,
    copyFrom: null,
    createdAt: now,
    updatedAt: now,
    startedAt: null,
    lastActivityAt: null,
    terminatedAt: null,
    terminationReason: null,
  };
}

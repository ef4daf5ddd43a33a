/** Whether a space accepts more: it must be active and within its quotas. */
import type { Fleet, SpaceUse } from '../engine/fleet.ts';
import type { SpaceId } from '../engine/ids.ts';
import { type Refused, refused } from '../engine/outcome.ts';
import type { RowView } from '../engine/view.ts';
import type { Requests } from '../sessions/rows.ts';
import { NO_SPACE, spaceInactive } from './refusals.ts';
import type { SpaceRow } from './rows.ts';
import { quotasIn } from './space-settings.ts';
import type { SpaceView } from './view.ts';

/**
 * Additional use that a request asks for. `requests` is undefined if nothing starts to occupy room.
 */
export interface AddedUse {
  /** 1 for a new session, 0 for one that resumes. */
  readonly sessions: 0 | 1;
  readonly requests: Requests | undefined;
  /** Additional storage: the limit of a new disk, messages, sources. */
  readonly storageBytes?: number;
}

/** Size as stored in a row and in each event. */
export const metadataBytes = (metadata: Readonly<Record<string, unknown>>): number => Buffer.byteLength(JSON.stringify(metadata));

/**
 * Returns a refusal if the space accepts no new sessions, messages and builds: it is inactive or
 * was deleted meanwhile.
 */
export const refusedIfInactive = (view: RowView, spaceId: SpaceId): Refused | undefined => refusalIfInactive(view.get('spaces', spaceId));

function refusalIfInactive(space: SpaceRow | undefined): Refused | undefined {
  if (space === undefined) return NO_SPACE;
  return space.active ? undefined : spaceInactive(space);
}

/**
 * Returns undefined if the space accepts the request; else a 404 (deleted), a 409 (inactive), or a
 * 409 with the used, allowed and requested amounts of a quota. O(1): sums are kept per space and
 * include earlier commands of the batch.
 */
export function refusedBySpace(
  view: RowView & SpaceView,
  fleet: Fleet,
  spaceId: SpaceId,
  asked: AddedUse,
  which: 'active' | 'also inactive' = 'active',
): Refused | undefined {
  const space = view.get('spaces', spaceId);
  const inactive = which === 'active' ? refusalIfInactive(space) : undefined;
  if (inactive !== undefined) return inactive;
  const quotas = space === undefined ? undefined : quotasIn(space.settings);
  if (space === undefined || quotas === undefined) return undefined;
  for (const { quota, has, asks, allowed, unit, per } of lines(quotas, fleet.spaceUse(spaceId), view.storedBytes(spaceId), asked)) {
    if (asks === 0 || allowed === undefined || has + asks <= Math.round(allowed * per)) continue;
    const details = { quota, used: has / per, allowed, asked: asks / per };
    const message = `The space "${space.name}" uses ${details.used} of ${allowed} ${unit}, and this request needs ${details.asked} more. ${REMEDIES[quota]}, or raise its setting quotas.${quota}.`;
    return refused('CONFLICT', message, details);
  }
  return undefined;
}

type Quota = 'sessions' | 'cpu' | 'memory_bytes' | 'storage_bytes';

/** A suspended session occupies no room on a node, but counts as a session. */
const REMEDIES: Readonly<Record<Quota, string>> = {
  sessions: 'Delete sessions in it',
  cpu: 'Suspend or delete sessions in it',
  memory_bytes: 'Suspend or delete sessions in it',
  storage_bytes: 'Delete sessions or agents in it, clear messages',
};

interface Line {
  readonly quota: Quota;
  /** Integers, so that sums are exact: `per` of them make one unit of the quota. */
  readonly has: number;
  readonly asks: number;
  readonly per: number;
  readonly allowed: number | undefined;
  readonly unit: string;
}

function lines(quotas: NonNullable<ReturnType<typeof quotasIn>>, used: SpaceUse, stored: number, ask: AddedUse): readonly Line[] {
  const { sessions, requests, storageBytes = 0 } = ask;
  const { cpuMillis = 0, memoryBytes = 0 } = requests ?? {};
  const has = used.diskBytes + stored;
  return [
    { quota: 'sessions', has: used.sessions, asks: sessions, per: 1, allowed: quotas.sessions, unit: 'sessions' },
    { quota: 'cpu', has: used.cpuMillis, asks: cpuMillis, per: 1000, allowed: quotas.cpu, unit: 'CPU' },
    { quota: 'memory_bytes', has: used.memoryBytes, asks: memoryBytes, per: 1, allowed: quotas.memory_bytes, unit: 'bytes of memory' },
    { quota: 'storage_bytes', has, asks: storageBytes, per: 1, allowed: quotas.storage_bytes, unit: 'bytes of storage' },
  ];
}

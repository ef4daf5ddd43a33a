/** Whether a space takes on more: it must be active, and stay within its quotas. */
import type { Fleet, SpaceUse } from '../engine/fleet.ts';
import type { SpaceId } from '../engine/ids.ts';
import { type Refused, refused } from '../engine/outcome.ts';
import type { RowView } from '../engine/view.ts';
import type { Requests } from '../sessions/rows.ts';
import { NO_SPACE } from './refusals.ts';
import type { SpaceRow } from './rows.ts';
import { quotasIn } from './space-settings.ts';
import type { SpaceView } from './view.ts';

/** What would be added to what a space has. `requests`: of what begins to take up room; undefined where nothing does. */
export interface SpaceAsk {
  /** 1 for a session that is new, 0 for one that comes back. */
  readonly sessions: 0 | 1;
  readonly requests: Requests | undefined;
  /** More to keep: the limit of a new disk, messages, sources. */
  readonly storageBytes?: number;
}

/** As the store keeps them, in a row and in each event. */
export const metadataBytes = (metadata: Readonly<Record<string, unknown>>): number => Buffer.byteLength(JSON.stringify(metadata));

/** Why a space takes no new sessions, messages and builds: it is not active, or was removed meanwhile. */
export const closedSpace = (view: RowView, spaceId: SpaceId): Refused | undefined => whyClosed(view.get('spaces', spaceId));

function whyClosed(space: SpaceRow | undefined): Refused | undefined {
  if (space === undefined) return NO_SPACE;
  if (space.active) return undefined;
  return refused(
    'CONFLICT',
    `The space "${space.name}" is not active: it takes no new sessions, messages and builds until it is made active again (PUT active: true).`,
  );
}

/**
 * Undefined when the space takes it; else a 409 that says what is used, allowed and asked for. In O(1): sums are kept for
 * each space, and count what earlier commands of the batch have added.
 */
export function refusedBySpace(
  view: RowView & SpaceView,
  fleet: Fleet,
  spaceId: SpaceId,
  asked: SpaceAsk,
  which: 'active' | 'also inactive' = 'active',
): Refused | undefined {
  const space = view.get('spaces', spaceId);
  const closed = which === 'active' ? whyClosed(space) : undefined;
  if (closed !== undefined) return closed;
  const quotas = space === undefined ? undefined : quotasIn(space.settings);
  if (space === undefined || quotas === undefined) return undefined;
  for (const { quota, has, asks, allowed, unit, per } of lines(quotas, fleet.spaceUse(spaceId), view.storedBytes(spaceId), asked)) {
    if (asks === 0 || allowed === undefined || has + asks <= Math.round(allowed * per)) continue;
    const details = { quota, used: has / per, allowed, asked: asks / per };
    const message = `The space "${space.name}" may use ${allowed} ${unit}, uses ${details.used}, and ${details.asked} more are asked for: ${REMEDIES[quota]}, or have its setting quotas.${quota} raised.`;
    return refused('CONFLICT', message, details);
  }
  return undefined;
}

type Quota = 'sessions' | 'cpu' | 'memory_bytes' | 'storage_bytes';

/** A suspended session has no room of a node, and is still one. */
const REMEDIES: Readonly<Record<Quota, string>> = {
  sessions: 'delete sessions of it',
  cpu: 'suspend or delete sessions of it',
  memory_bytes: 'suspend or delete sessions of it',
  storage_bytes: 'delete sessions or agents of it, clear messages',
};

interface Line {
  readonly quota: Quota;
  /** In whole numbers, so that sums are exact: `per` of them are one of the quota's own unit. */
  readonly has: number;
  readonly asks: number;
  readonly per: number;
  readonly allowed: number | undefined;
  readonly unit: string;
}

function lines(quotas: NonNullable<ReturnType<typeof quotasIn>>, used: SpaceUse, stored: number, ask: SpaceAsk): readonly Line[] {
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

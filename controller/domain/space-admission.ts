/** Whether a space takes on more: it must be active, and stay within its quotas. */
import type { Fleet, SpaceUse } from './fleet.ts';
import type { SpaceId } from './ids.ts';
import { type Refusal, refused } from './outcome.ts';
import type { Requests } from './rows.ts';
import { quotasIn } from './space-settings.ts';
import type { View } from './view.ts';

/** What would be added to what a space has. `requests`: of what begins to take up room; undefined where nothing does. */
export interface SpaceAsk {
  /** 1 for a session that is new, 0 for one that comes back. */
  readonly sessions: 0 | 1;
  readonly requests: Requests | undefined;
}

type Refused = { readonly ok: false; readonly refusal: Refusal };

/** Why a space takes no new sessions, messages and builds: it is not active, or was removed meanwhile. */
export function closedSpace(view: View, spaceId: SpaceId): Refused | undefined {
  const space = view.get('spaces', spaceId);
  if (space === undefined) return refused('NOT_FOUND', 'There is no such space.');
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
export function refusedBySpace(view: View, fleet: Fleet, spaceId: SpaceId, asked: SpaceAsk): Refused | undefined {
  const closed = closedSpace(view, spaceId);
  if (closed !== undefined) return closed;
  const space = view.get('spaces', spaceId);
  const quotas = space === undefined ? undefined : quotasIn(space.settings);
  if (space === undefined || quotas === undefined) return undefined;
  for (const { quota, has, asks, allowed, unit, per } of lines(quotas, fleet.spaceUse(spaceId), asked)) {
    if (asks === 0 || allowed === undefined || has + asks <= Math.round(allowed * per)) continue;
    const details = { quota, used: has / per, allowed, asked: asks / per };
    // A suspended session has no room of a node, and is still one.
    const remedy = quota === 'sessions' ? 'delete' : 'suspend or delete';
    const message = `The space "${space.name}" may use ${allowed} ${unit}, uses ${details.used}, and ${details.asked} more are asked for: ${remedy} sessions of it, or raise its setting quotas.${quota}.`;
    return refused('CONFLICT', message, details);
  }
  return undefined;
}

interface Line {
  readonly quota: 'sessions' | 'cpu' | 'memory_bytes';
  /** In whole numbers, so that sums are exact: `per` of them are one of the quota's own unit. */
  readonly has: number;
  readonly asks: number;
  readonly per: number;
  readonly allowed: number | undefined;
  readonly unit: string;
}

function lines(quotas: NonNullable<ReturnType<typeof quotasIn>>, used: SpaceUse, { sessions, requests }: SpaceAsk): readonly Line[] {
  const { cpuMillis = 0, memoryBytes = 0 } = requests ?? {};
  return [
    { quota: 'sessions', has: used.sessions, asks: sessions, per: 1, allowed: quotas.sessions, unit: 'sessions' },
    { quota: 'cpu', has: used.cpuMillis, asks: cpuMillis, per: 1000, allowed: quotas.cpu, unit: 'CPU' },
    { quota: 'memory_bytes', has: used.memoryBytes, asks: memoryBytes, per: 1, allowed: quotas.memory_bytes, unit: 'bytes of memory' },
  ];
}

import type { SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Caller } from '../access/caller.ts';
import type { ShownSessions } from '../sessions/shown-sessions.ts';

/**
 * Returns the space that path or body name. Undefined if the caller has no permission in it, so
 * that strangers use up none of its budget.
 */
export type SpaceLookup = (caller: Caller, params: Readonly<Record<string, string>>, body: unknown) => SpaceId | undefined;

export function spaceLookup(view: Pick<View, 'spaceByName'>, sessions: Pick<ShownSessions, 'get'>): SpaceLookup {
  return ({ permissions }, { id, name }, body) => {
    const named = name ?? (id === undefined ? spaceIn(body) : undefined);
    const space = named === undefined ? sessions.get(id ?? '')?.spaceId : view.spaceByName(named)?.id;
    return space !== undefined && permissions.knows(space) ? space : undefined;
  };
}

function spaceIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('space' in body)) return undefined;
  return typeof body.space === 'string' ? body.space : undefined;
}

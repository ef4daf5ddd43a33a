import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import { fromImageKey } from '../../domain/images/platforms.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';

export interface RoomChange {
  /** With other labels, or cordoned. */
  readonly nodes: Set<NodeId>;
  /** With other settings, or another image. */
  readonly spaces: ReadonlySet<SpaceId>;
  readonly images: ReadonlySet<string>;
  readonly sessions: readonly SessionRow[];
  /** A node allows sessions of other sizes: limits that a request leaves open follow from it. */
  readonly boundsChanged: boolean;
}

/** Finds in commits what can make room for a session that found none. */
export class RoomChanges {
  /** What each node allows a session, as JSON. */
  readonly #bounds = new Map<NodeId, string>();

  of(mutations: readonly Mutation[]): RoomChange {
    const nodes = new Set<NodeId>();
    const spaces = new Set<SpaceId>();
    const images = new Set<string>();
    const sessions: SessionRow[] = [];
    let boundsChanged = false;
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'nodes') {
        const { id, bounds } = mutation.row;
        nodes.add(id);
        const text = JSON.stringify(bounds);
        boundsChanged ||= text !== this.#bounds.get(id);
        this.#bounds.set(id, text);
      }
      if (mutation.table === 'spaces') spaces.add(mutation.row.id);
      if (mutation.table === 'builds' && mutation.row.status === 'completed') spaces.add(mutation.row.spaceId);
      if (mutation.table === 'images') images.add(fromImageKey(mutation.row.id).image);
      if (mutation.table === 'sessions') sessions.push(mutation.row);
    }
    return { nodes, spaces, images, sessions, boundsChanged };
  }
}

import type { Inventory__Output } from '../../../proto/generated/raworc/node/v0/Inventory.ts';
import type { Orphan__Output } from '../../../proto/generated/raworc/node/v0/Orphan.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';

/** Sessions checked per step. */
const ROWS_AT_ONCE = 500;

/** Collects a node's inventory, part by part. */
export class InventoryParts {
  readonly images = new Set<string>();
  readonly orphans: Orphan__Output[] = [];
  readonly #held = new Set<string>();
  #part = 0;

  /** Number of sessions received so far. */
  get held(): number {
    return this.#held.size;
  }

  /** Adds a part. Returns false if it is out of order. */
  take({ part, sessions, images, orphans }: Inventory__Output): boolean {
    if (part !== this.#part + 1 && !(part === 0 && this.#part === 0)) return false;
    this.#part += 1;
    for (const { sessionId } of sessions) this.#held.add(sessionId);
    for (const image of images) this.images.add(image);
    this.orphans.push(...orphans);
    return true;
  }

  /** Yields sessions and slots that are placed on this node but missing in the inventory, in steps. */
  *missing(view: View, nodeId: NodeId): Generator<readonly SessionId[]> {
    let after = '';
    for (;;) {
      const rows = view.statesOn(nodeId, after, ROWS_AT_ONCE);
      yield rows.filter(({ id, phase }) => phase !== 'none' && !this.#held.has(id)).map(({ id }) => id);
      after = rows.at(-1)?.id ?? after;
      if (rows.length < ROWS_AT_ONCE) break;
    }
    for (after = ''; ; ) {
      const rows = view.slotsOnAfter(nodeId, after, ROWS_AT_ONCE);
      yield rows.filter(({ id, phase }) => phase !== 'none' && !this.#held.has(id)).map(({ id }) => id);
      after = rows.at(-1)?.id ?? after;
      if (rows.length < ROWS_AT_ONCE) return;
    }
  }
}

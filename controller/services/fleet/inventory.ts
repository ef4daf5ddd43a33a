import type { Inventory__Output } from '../../../proto/generated/raworc/node/v0/Inventory.ts';
import type { Orphan__Output } from '../../../proto/generated/raworc/node/v0/Orphan.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';

/** Sessions that are looked at in one go. */
const ROWS_AT_ONCE = 500;

/** What a node says that it holds, part by part. */
export class InventoryParts {
  readonly images = new Set<string>();
  readonly orphans: Orphan__Output[] = [];
  readonly #held = new Set<string>();
  #part = 0;

  /** Sessions that it named so far. */
  get held(): number {
    return this.#held.size;
  }

  /** False for a part out of order. */
  take({ part, sessions, images, orphans }: Inventory__Output): boolean {
    if (part !== this.#part + 1 && !(part === 0 && this.#part === 0)) return false;
    this.#part += 1;
    for (const { sessionId } of sessions) this.#held.add(sessionId);
    for (const image of images) this.images.add(image);
    this.orphans.push(...orphans);
    return true;
  }

  /** Sessions that are placed on this node, are said to be something, and are not held, some at a time. The last lot comes with `more` false. */
  *missing(view: View, nodeId: NodeId): Generator<readonly SessionId[]> {
    let after = '';
    for (;;) {
      const rows = view.statesOn(nodeId, after, ROWS_AT_ONCE);
      yield rows.filter(({ id, phase }) => phase !== 'none' && !this.#held.has(id)).map(({ id }) => id);
      after = rows.at(-1)?.id ?? after;
      if (rows.length < ROWS_AT_ONCE) return;
    }
  }
}

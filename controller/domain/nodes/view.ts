import type { NodeRow } from './rows.ts';

export interface NodeView {
  /** Never a removed node: its name is free. */
  nodeByName(name: string): NodeRow | undefined;
  /** The node with this key that was not removed. */
  nodeByKey(keyHash: string): NodeRow | undefined;
  /** All that were not removed. */
  nodes(): readonly NodeRow[];
  removedNodes(): readonly Pick<NodeRow, 'id'>[];
}

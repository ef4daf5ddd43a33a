import type { NodeRow, NodeTokenRow } from './rows.ts';

export interface NodeView {
  /** Never a removed node: its name is free. */
  nodeByName(name: string): NodeRow | undefined;
  /** The node with this key that was not removed. */
  nodeByKey(keyHash: string): NodeRow | undefined;
  /** All that were not removed. */
  nodes(): readonly NodeRow[];
  /** Join tokens with uses left that expire after `now` and were not revoked, the oldest first. */
  openNodeTokens(now: number): readonly NodeTokenRow[];
  countOpenNodeTokens(now: number): number;
  removedNodes(): readonly Pick<NodeRow, 'id'>[];
  /**
   * Those removed before one time whose last known certificate expired before another, and of which
   * no session and no removal of one is left.
   */
  forgettableNodes(removedBefore: number, expiredBefore: number, limit: number): readonly Pick<NodeRow, 'id'>[];
}

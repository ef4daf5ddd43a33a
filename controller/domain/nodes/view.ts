import type { NodeRow } from './rows.ts';

/** Nodes. */
export interface NodeView {
  nodeByName(name: string): NodeRow | undefined;
  nodes(): readonly NodeRow[];
}

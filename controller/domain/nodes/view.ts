import type { NodeRow } from './rows.ts';

export interface NodeView {
  nodeByName(name: string): NodeRow | undefined;
  nodes(): readonly NodeRow[];
}

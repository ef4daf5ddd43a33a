import type { NodeId } from '../engine/ids.ts';
import { refused } from '../engine/outcome.ts';

/** The details of a refusal of a node that was removed. */
export class RemovedNode {
  readonly nodeId: NodeId;

  constructor(nodeId: NodeId) {
    this.nodeId = nodeId;
  }
}

/** The details of a refusal of a join: the node whose name or key another machine wants. */
export class ContestedNode {
  readonly nodeId: NodeId;

  constructor(nodeId: NodeId) {
    this.nodeId = nodeId;
  }
}

export const NO_NODE = refused('NOT_FOUND', 'No such node.');

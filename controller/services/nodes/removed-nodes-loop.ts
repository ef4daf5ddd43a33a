import { pruneRemovedNodes } from '../../domain/nodes/commands/prune-removed-nodes.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';

const EVERY_MS = 3_600_000;

export interface RemovedNodesDeps extends Pick<Background, 'loops' | 'applier'> {
  /** The longest life of certificates that were issued lately. */
  readonly certificateLifeMs: number;
}

/** Forgets removed nodes once their certificates have expired, once an hour. */
export function removedNodesLoop({ loops, applier, certificateLifeMs }: RemovedNodesDeps): Loop<'all'> {
  return loops.open({
    name: 'removed_nodes',
    first: { key: 'all', afterMs: EVERY_MS },
    async run(_key, closing) {
      while (!closing.aborted && (await applier.apply(pruneRemovedNodes(certificateLifeMs))));
      return EVERY_MS;
    },
  });
}

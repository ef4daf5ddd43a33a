import type { Metrics } from '../../../seams/metrics.ts';
import { prune } from '../../domain/events/prune.ts';
import type { Applier } from '../engine/applier.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';

const EVERY_MS = 60_000;

export interface RetentionDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly applier: Applier;
  readonly metrics: Metrics;
}

/**
 * Prunes history past its retention, once a minute until nothing is left. Each part is a separate
 * command, so that others run in between.
 */
export function retentionLoop({ loops, applier, metrics }: RetentionDeps): Loop<'all'> {
  const passes = metrics.counter({ name: 'prune_passes_total', help: 'Commits that removed history past its retention.' });
  return loops.open({
    name: 'retention',
    first: { key: 'all', afterMs: EVERY_MS },
    async run(_key, closing) {
      while (!closing.aborted && (await applier.apply(prune()))) passes.add();
      return EVERY_MS;
    },
  });
}

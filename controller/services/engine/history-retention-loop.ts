import { prune } from '../../domain/engine/prune.ts';
import type { Background } from './background.ts';
import type { Loop } from './loop.ts';

const EVERY_MS = 60_000;

type RetentionDeps = Pick<Background, 'loops' | 'applier' | 'metrics'>;

/**
 * Prunes history past its retention, once a minute until nothing is left. Each part is a separate
 * command, so that others run in between.
 */
export function historyRetentionLoop({ loops, applier, metrics }: RetentionDeps): Loop<'all'> {
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

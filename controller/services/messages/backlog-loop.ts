import { processBacklog } from '../../domain/messages/commands/process-backlog.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';

/** Sessions that take turns. */
const AT_ONCE = 20;

type BacklogDeps = Pick<Background, 'loops' | 'applier' | 'view' | 'metrics'>;

/**
 * Finishes work that was too much for one commit, in parts, until nothing is left. Driven by the
 * rows, so it continues after a restart. Each part queues behind other commands.
 */
export function backlogLoop({ loops, applier, view, metrics }: BacklogDeps): Loop<'all'> {
  const loop = loops.open<'all'>({
    name: 'backlog',
    first: { key: 'all' },
    async run(_key, closing) {
      const rows = view.backlogged(AT_ONCE);
      for (const { id } of rows) if (!closing.aborted) await applier.apply(processBacklog(id));
      return rows.length > 0 ? 0 : undefined;
    },
  });
  applier.onCommitted(({ mutations }) => {
    if (mutations.some((mutation) => mutation.kind === 'put' && mutation.table === 'backlog')) loop.wake('all');
  });
  metrics.gauge({
    name: 'backlog_sessions',
    help: 'Sessions with messages still to be answered or deleted in steps, up to 1,000.',
    read: () => view.backlogged(1000).length,
  });
  return loop;
}

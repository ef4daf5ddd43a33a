import { leftMsOf, unsharePort } from '../../domain/ports/commands/share-port.ts';
import type { PortShareId, PortShareRow } from '../../domain/ports/rows.ts';
import type { Background } from '../engine/background.ts';
import { type Due, type Loop, pageByPage } from '../engine/loop.ts';

/** Ends what was public until its time, and records that. After a restart, what became due meanwhile. */
export function shareLoop({ loops, applier, view }: Pick<Background, 'loops' | 'applier' | 'view'>): Loop<PortShareId | 'all'> {
  const wakePage = pageByPage(view.portShares, ({ id }) => loop.wake(id));

  const leftMs = (row: PortShareRow) => leftMsOf(row, applier.time.ageMs(row.createdAt));

  async function end(id: PortShareId): Promise<Due> {
    const row = view.get('portShares', id);
    if (row === undefined) return undefined;
    // A timer can fire slightly early.
    if (leftMs(row) > 0) return Math.max(leftMs(row), 1);
    await applier.apply(unsharePort(id, { reason: 'expired' }));
    return undefined;
  }

  const loop = loops.open<PortShareId | 'all'>({
    name: 'port_shares',
    first: { key: 'all' },
    run: (key) => (key === 'all' ? wakePage() : end(key)),
  });
  applier.onCommitted(({ mutations }) => {
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'portShares') loop.wake(mutation.row.id);
      if (mutation.kind === 'remove' && mutation.table === 'portShares') loop.forget(mutation.id as PortShareId);
    }
  });
  return loop;
}

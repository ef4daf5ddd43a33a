import type { SessionId } from '../../domain/engine/ids.ts';
import { endSandbox } from '../../domain/sandboxes/commands/end-sandbox.ts';
import { beginsAnew, leftMs } from '../../domain/sandboxes/sandbox-end.ts';
import type { Background } from '../engine/background.ts';
import { type Due, type Loop, pageByPage } from '../engine/loop.ts';

const AT_ONCE = 64;

type EndsDeps = Pick<Background, 'loops' | 'applier' | 'view' | 'log'>;

/**
 * Ends sandboxes whose time is over. Deadlines follow from the rows alone, so a restart of the
 * controller neither loses nor moves one.
 */
export function sandboxEndsLoop({ loops, applier, view, log }: EndsDeps, graceMs: number): Loop<SessionId | 'all'> {
  const wakePage = pageByPage(view.sandboxesAfter, ({ id, kind }) => {
    if (kind === 'sandbox') loop.wake(id);
  });

  function end(id: SessionId): Due | Promise<Due> {
    const [sandbox, session] = [view.get('sandboxes', id), view.get('sessions', id)];
    if (sandbox === undefined || session === undefined) return undefined;
    if (!beginsAnew(sandbox, session)) {
      const left = leftMs(sandbox, session, applier.time);
      if (left === undefined) return undefined;
      // A timer can fire slightly early. Waiting at least 1 ms sets it again.
      if (left > 0) return Math.max(left, 1);
    }
    return applier.apply(endSandbox(id, graceMs)).then((ended) => {
      if (ended === undefined || ended === 'begun-anew') return 1;
      log.info('sandbox.ended', { session: id, by: ended });
      return undefined;
    });
  }

  const loop = loops.open<SessionId | 'all'>({
    name: 'sandbox-ends',
    first: { key: 'all' },
    concurrency: AT_ONCE,
    run: (key) => (key === 'all' ? wakePage() : end(key)),
  });
  applier.onCommitted(({ mutations }) => {
    for (const mutation of mutations) {
      if (mutation.kind === 'remove' && mutation.table === 'sandboxes') loop.forget(mutation.id as SessionId);
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'sandboxes' && mutation.row.kind === 'sandbox') loop.wake(mutation.row.id);
      // Its generation changed: it rests now, or was resumed.
      if (mutation.table === 'sessions' && mutation.row.desired !== 'deleted' && view.get('sandboxes', mutation.row.id)?.kind === 'sandbox')
        loop.wake(mutation.row.id);
    }
  });
  return loop;
}

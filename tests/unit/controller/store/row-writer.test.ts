import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { sessionRow } from '../engine/session-rows.ts';
import { countFrames } from './wal-frames.ts';

/** A store, and which tables and indexes a commit writes pages of. */
async function opened(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-rows-'));
  const path = join(directory, 'raworc.db');
  const store = await openBareStore(path, 1);
  t.teardown(() => {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const commit = (row: SessionRow): Set<string> => {
    const written = countFrames(path);
    store.writer.transaction(() => store.writer.apply(put('sessions', row)));
    return new Set(written().byTree.keys());
  };
  return { store, commit };
}

t.test('what a posted message changes of a session writes no index of sessions', async (t) => {
  const { store, commit } = await opened(t);
  const row = sessionRow(1, { nodeId: 'node' as NodeId });
  t.ok(commit(row).has('sessions_space'), 'a new session does');
  const changed = { ...row, lastSeq: 2, outstanding: 1, updatedAt: 5, lastActivityAt: 5, hasRun: true };
  t.same([...commit(changed)], ['sessions']);
  t.same(store.view.get('sessions', row.id), changed);
});

t.test('what sessions are found by is written wherever it changes', async (t) => {
  const { store, commit } = await opened(t);
  const row = sessionRow(1, { nodeId: 'one' as NodeId });
  commit(row);
  const moved = { ...row, nodeId: 'two' as NodeId, lastSeq: 2 };
  t.ok(commit(moved).has('sessions_node'));
  t.same(store.view.sessionsOnAfter('one' as NodeId, '', 10), []);
  t.same(store.view.sessionsOnAfter('two' as NodeId, '', 10), [moved]);
  const placeless = { ...moved, nodeId: null };
  commit(placeless);
  t.same(store.view.sessionsOnAfter('two' as NodeId, '', 10), []);
  const deleted: SessionRow = { ...placeless, desired: 'deleted', terminatedAt: 9 };
  commit({ ...placeless, lastSeq: 3 });
  commit(deleted);
  t.same(store.view.get('sessions', row.id), deleted);
  t.equal(store.view.hasSessionIn(row.spaceId), false);
  const timed = sessionRow(2, { timeouts: { idle_pause_s: 5 } });
  commit(sessionRow(2));
  commit(timed);
  t.same(store.view.sessionsWithTimeouts('', 9), [timed], 'and where an index holds only some of them');
  commit(sessionRow(2));
  t.same(store.view.sessionsWithTimeouts('', 9), []);
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { sessionRow } from '../engine/session-rows.ts';

const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const PAGE_BYTES = 4096;

/** A store, and which tables and indexes a commit writes pages of. https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
async function opened(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-rows-'));
  const path = join(directory, 'raworc.db');
  const store = await openBareStore(path, 1);
  t.teardown(() => {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const commit = (row: SessionRow): Set<string> => {
    const before = readFileSync(`${path}-wal`).byteLength;
    store.writer.transaction(() => store.writer.apply(put('sessions', row)));
    const wal = readFileSync(`${path}-wal`);
    const database = new Database(path, { readonly: true });
    const pages = database.prepare<[], { pageno: number; name: string }>('select pageno, name from dbstat').all();
    database.close();
    const names = new Map(pages.map(({ pageno, name }) => [pageno, name]));
    const written = new Set<string>();
    for (let at = Math.max(before, WAL_HEADER_BYTES); at < wal.byteLength; at += FRAME_HEADER_BYTES + PAGE_BYTES)
      written.add(names.get(wal.readUInt32BE(at)) ?? 'unknown');
    return written;
  };
  return { store, commit };
}

t.test('what a posted message changes of a session writes no index of sessions', async (t) => {
  const { store, commit } = await opened(t);
  const row = sessionRow(1, { nodeId: 'node' as NodeId });
  t.ok(commit(row).has('sessions_space'), 'a new session does');
  const changed = { ...row, lastSeq: 2, updatedAt: 5, lastActivityAt: 5, hasRun: true };
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

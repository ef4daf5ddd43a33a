/** A database of before messages wrote fewer pages is opened by this version. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { migrate } from '../../../../controller/store/sqlite/migrations/migrations.ts';
import { listsOn } from '../../../simulation/world/store.ts';

const SPACE = 'space' as SpaceId;

t.test('events keep their numbers, also within their sessions, and storage its sum', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-migration-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  const before = new Database(path);
  await migrate(before, '0034-hops');
  before.exec(`
    insert into spaces values ('${SPACE}', 'space', null, '{}', 0, 1, 1, 1, 'x');
    insert into events (number, type, space_id, session_id, session_number, data, at) values
      (7, 'message.created', '${SPACE}', 'a', 3, '{"n":7}', 70), (8, 'message.created', '${SPACE}', 'b', 1, '{"n":8}', 80),
      (9, 'message.created', '${SPACE}', 'a', 4, '{"n":9}', 90), (10, 'node.ready', null, null, null, '{}', 100);
    insert into session_event_counts values ('a', 4), ('b', 1), ('c', 12)`);
  const stored = before.prepare('select bytes from space_storage').all();
  before.close();

  const store = await openBareStore(path, 1);
  t.teardown(() => store.close());
  const { events } = await store.events.after(6, { limit: 10, maxBytes: 1000 });
  t.same(
    events.map(({ number, at, sessionId, sessionNumber, data }) => [number, at, sessionId, sessionNumber, data]),
    [
      [7, 70, 'a', 3, { n: 7 }],
      [8, 80, 'b', 1, { n: 8 }],
      [9, 90, 'a', 4, { n: 9 }],
      [10, 100, null, null, {}],
    ],
  );
  const next = (sessionId: string, number: number) =>
    store.writer.transaction(
      () =>
        store.writer.record({ type: 'session.updated', spaceId: SPACE, sessionId: sessionId as SessionId, data: {} }, number, 200)
          .sessionNumber,
    );
  t.same([next('a', 11), next('b', 12), next('c', 13), next('d', 14)], [5, 2, 13, 1]);
  const after = new Database(path);
  t.teardown(() => after.close());
  after.exec('delete from events where number > 10');
  t.same(after.prepare('select bytes from space_storage').all(), stored);
  t.same(after.prepare('select session_id from session_event_counts').pluck().all(), ['c']);
  t.equal(store.writer.lastTime(), 100, 'the newest event tells the time of the last row');
});

/** Inserts a row; columns that are not given and not null are empty or 0. */
function insertInto(database: Database.Database, table: string, row: Readonly<Record<string, string | number>>): void {
  const columns = database
    .prepare<[string], { name: string; type: string; notnull: number }>('select name, type, "notnull" from pragma_table_info(?)')
    .all(table);
  const values = columns.map(({ name, type, notnull }) => row[name] ?? (notnull === 0 ? null : type === 'TEXT' ? '{}' : 0));
  database.prepare(`insert into ${table} values (${columns.map(() => '?').join(', ')})`).run(...values);
}

t.test('sessions keep the sums of their histories, and audit records are listed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-migration-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  const before = new Database(path);
  await migrate(before, '0034-hops');
  for (const id of ['a', 'b']) insertInto(before, 'sessions', { id, space_id: SPACE, desired: 'running', phase: 'running' });
  for (const seq of [1, 2]) insertInto(before, 'messages', { id: `m${seq}`, session_id: 'a', seq, content: '12345', role: 'system' });
  for (let number = 1; number <= 70; number += 1)
    insertInto(before, 'audit', { number, at: number, actor: 'ann', outcome: 'ok', count: 1 });
  before.close();

  const store = await openBareStore(path, 1);
  const { lists, close } = listsOn(path);
  t.teardown(() => {
    close();
    store.close();
  });
  t.same(store.view.historyUse('a' as SessionId), { messages: 2, bytes: 14 });
  t.same(store.view.historyUse('b' as SessionId), { messages: 0, bytes: 0 });
  store.writer.transaction(() => store.writer.apply({ kind: 'remove', table: 'messages', id: 'm1' }));
  t.same(store.view.historyUse('a' as SessionId), { messages: 1, bytes: 7 });
  const page = { limit: 1, offset: 0 };
  t.match(await lists.audit({ actor: 'ann' }, page), { items: [{ number: 70 }], total: 70 });
  t.match(await lists.audit({ since: 10, until: 12 }, page), { items: [{ number: 12 }], total: 3 });
});

t.test('indexes of sessions have no column that each message changes', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-migration-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const store = await openBareStore(join(directory, 'raworc.db'), 1);
  t.teardown(() => store.close());
  const database = new Database(store.path, { readonly: true });
  t.teardown(() => database.close());
  const indexed = database
    .prepare<[], string>(`select distinct x.name from pragma_index_list('sessions') l, pragma_index_xinfo(l.name) x where x.key`)
    .pluck()
    .all();
  for (const column of ['outstanding', 'last_seq', 'last_activity_at', 'updated_at']) t.notOk(indexed.includes(column), column);
});

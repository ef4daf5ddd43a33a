import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import t from 'tap';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { sessionIndexes } from '../../../../controller/store/sqlite/lists/session-metadata.ts';
import { normalizedNames } from '../../../../controller/store/sqlite/migrations/normalized-names.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { putSessions, sessionRow, uuid } from '../engine/session-rows.ts';

t.setTimeout(200_000);

/** What two steps made, taken away again, and the steps. */
async function repeatSteps(path: string): Promise<void> {
  const database = new Database(path);
  database.exec(`
    drop trigger session_metadata_insert; drop trigger session_metadata_update; drop trigger session_metadata_delete;
    drop table session_metadata; drop index sessions_name;
    update sessions set name = 'cafe' || char(769) where name = 'caf' || char(233)`);
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
  for (const step of [sessionIndexes, normalizedNames]) await step.up(db);
  await db.destroy();
}

t.test('a store of an earlier version is brought up to date: metadata are indexed, and names composed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-migrations-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  const before = await openBareStore(path, 1);
  putSessions(before, [
    sessionRow(1, { name: 'caf\u00e9', metadata: { kind: 'a', n: 1 } }),
    sessionRow(2, { metadata: { kind: 'a' }, desired: 'deleted' }),
    sessionRow(3, { metadata: Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`key-${at}`, at])) }),
    sessionRow(4),
  ]);
  before.close();
  await repeatSteps(path);

  const store = await openBareStore(path, 1);
  const { lists, close } = listsOn(path);
  t.teardown(() => {
    close();
    store.close();
  });
  const found = async (query: object) => {
    const { items, total } = await lists.sessions({ visible: 'all', ...query }, { limit: 10, offset: 0 });
    return [items, total];
  };
  t.same(await found({ metadata: { kind: 'a' } }), [[uuid(1)], 1]);
  t.same(await found({ metadata: { kind: 'a', n: '1' } }), [[uuid(1)], 1]);
  t.same(await found({ metadata: { 'key-99': '99' } }), [[uuid(3)], 1], 'of one with more keys than are indexed');
  t.same(await found({ name: 'caf\u00e9' }), [[uuid(1)], 1]);
  t.same(await found({}), [[uuid(4), uuid(3), uuid(1)], 3]);
});

t.test('a process that ends between a step and its mark leaves neither, and the next start succeeds', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-migrations-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  (await openBareStore(path, 1)).close();
  const whole = contentsOf(path);
  t.ok(whole.steps.length > 10);

  for (const step of whole.steps) {
    rmSync(path);
    const database = new Database(path);
    database.exec(`
      create table kysely_migration (name text primary key not null, timestamp text not null);
      create trigger ends before insert on kysely_migration when new.name = '${step}' begin select raise(abort, 'ended'); end`);
    await t.rejects(openBareStore(path, 1), { message: /ended/ }, step);
    database.exec('drop trigger ends');
    database.close();
    (await openBareStore(path, 1)).close();
    t.same(contentsOf(path), whole, step);
  }
});

/** The recorded steps, and the names of everything in the schema apart from the migrator's own. */
function contentsOf(path: string): { readonly steps: readonly string[]; readonly schema: readonly string[] } {
  const database = new Database(path, { readonly: true });
  const column = (query: string) => database.prepare<[], string>(query).pluck().all();
  const contents = {
    steps: column('select name from kysely_migration order by name'),
    schema: column(`select name from sqlite_schema where tbl_name not like 'kysely%' order by name`),
  };
  database.close();
  return contents;
}

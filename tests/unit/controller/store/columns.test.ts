import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { flag, integer, json, text } from '../../../../controller/domain/engine/fields.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { columnsOf, namesOf, parsed, selected, selection, toSql } from '../../../../controller/store/sqlite/columns.ts';

const THINGS = { id: text(), madeAt: integer<number | null>(), isNew: flag(), parts: json<readonly string[]>() };

t.test('a row comes back as it was written, by statements that its fields make', async (t) => {
  const columns = columnsOf(THINGS);
  t.equal(namesOf(columns), 'id, made_at, is_new, parts');
  t.equal(selection(THINGS), 'id, made_at as "madeAt", is_new as "isNew", parts');
  const row = { id: 'one', madeAt: null, isNew: true, parts: ['a', 'b'] };
  const [id = null, madeAt = null, isNew = null, parts = null] = toSql(columns, row);
  t.same([id, madeAt, isNew, parts], ['one', null, 1, '["a","b"]']);
  t.same(selected(THINGS, { id, madeAt, isNew, parts }), row);
});

t.test('equal values are parsed once, cannot be changed, and are kept within a bound of their length', (t) => {
  const one = (parts: string) => selected(THINGS, { id: 'one', madeAt: null, isNew: 1, parts }, parsed).parts;
  const few = one('["few",["nested"]]');
  t.equal(one('["few",["nested"]]'), few);
  t.throws(() => Object.assign(few, { 0: 'other' }), TypeError);
  t.throws(() => Object.assign(few[1] ?? {}, { 0: 'other' }), TypeError, 'nor what is in it');
  // Each becomes some 40 KiB of objects.
  const long = (number: number) => `[${number},${Array(650).fill('{}').join(',')}]`;
  for (let number = 1; number <= 200; number += 1) one(long(number));
  t.not(one('["few",["nested"]]'), few, 'they have taken its place');
  t.end();
});

t.test('a row that lacks a field, or has it of another type, is not written', async (t) => {
  const row = { id: 'one', madeAt: null, isNew: true, parts: [] };
  for (const wrong of [{ madeAt: undefined }, { parts: undefined }, { isNew: undefined }, { id: true }, { id: ['one'] }])
    t.throws(() => toSql(columnsOf(THINGS), { ...row, ...wrong }), /Cannot store (madeAt|parts|isNew|id) as/, JSON.stringify(wrong));
});

for (const [change, problem] of [
  ['alter table spaces add column labels text', /The table spaces does not match .*: labels text is unknown/],
  ['alter table nodes drop column bounds', /The table nodes does not match .*: it lacks bounds text/],
] as const) {
  t.test(`the store is not opened after: ${change}`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'raworc-columns-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, 'raworc.db');
    (await openBareStore(path, 1)).close();
    const database = new Database(path);
    database.exec(change);
    database.close();
    await t.rejects(openBareStore(path, 1), problem);
  });
}

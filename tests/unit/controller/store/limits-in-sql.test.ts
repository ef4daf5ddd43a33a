import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';

const DIRECTORY = join(import.meta.dirname, '../../../../controller/store/sqlite');

t.test('no statement of the main thread is compiled again at each run', async (t) => {
  const files = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  t.ok(files.length > 30);
  // The statements of lists are read on a thread, which knows many more texts than it keeps.
  const onMainThread = files.filter((name) => !name.startsWith('lists/') && !name.startsWith('reader/'));
  const plain = onMainThread.filter((name) => /limit \?/.test(readFileSync(join(DIRECTORY, name), 'utf8')));
  t.same(
    plain.filter((name) => name !== 'statements.ts'),
    [],
    'write `limit +?`',
  );
});

t.test('a sign before the limit changes no result', async (t) => {
  const database = new Database(':memory:');
  database.exec('create table t (n integer primary key); insert into t values (1), (2), (3)');
  for (const limit of [0, 1, 2, 5, -1])
    t.same(
      database.prepare('select n from t order by n limit +?').all(limit),
      database.prepare('select n from t order by n limit ?').all(limit),
      String(limit),
    );
});

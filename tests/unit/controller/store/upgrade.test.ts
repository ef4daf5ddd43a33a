import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { type BeforeUpgradeOptions, backUpBeforeUpgrade } from '../../../../controller/backup/before-upgrade.ts';
import { restore } from '../../../../controller/backup/restore.ts';
import { stepsIn } from '../../../../controller/store/sqlite/backup.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { migrate } from '../../../../controller/store/sqlite/migrations/migrations.ts';
import { systemFreeSpace } from '../../../../seams/system.ts';
import { silent } from '../core.ts';

const OLDER = '0017-strangers-of-audit';

/** A controller's directory with the database of an older release, which has one account. */
async function olderRelease(t: Test): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'raworc-upgrade-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const directory = join(parent, 'controller');
  await mkdir(join(directory, 'keys', 'seal'), { recursive: true });
  for (const [name, text] of [
    ['cluster-id', 'c'],
    ['epoch', '1'],
  ] as const)
    await writeFile(join(directory, name), `${text}\n`);
  const database = new Database(join(directory, 'raworc.db'));
  database.pragma('journal_mode = WAL');
  await migrate(database, OLDER);
  database.exec(`insert into accounts values ('a', 'ada', 'h', null, 1, 1, 1, 1, null)`);
  database.close();
  return directory;
}

const upgrade = (directory: string, more: Partial<BeforeUpgradeOptions> = {}) =>
  backUpBeforeUpgrade({ directory, version: '9', freeSpace: systemFreeSpace, log: silent, ...more });

t.test('the database of an older release is backed up, then changed, once', async (t) => {
  const directory = await olderRelease(t);
  const path = join(directory, 'raworc.db');
  const file = await upgrade(directory);
  t.match(file, /backups\/before-upgrade-from-0017-strangers-of-audit\.backup$/);
  t.equal((await stat(file ?? '')).mode & 0o777, 0o600);
  t.equal(stepsIn(path).done.at(-1), OLDER, 'nothing is changed before the backup');
  (await openBareStore(path, 1)).close();
  t.same(stepsIn(path).pending, []);
  t.equal(await upgrade(directory), undefined, 'an up-to-date database needs none');
  t.equal((await readdir(join(directory, 'backups'))).length, 1);

  const back = join(directory, '..', 'back');
  await restore(file ?? '', back, { force: false, nowMs: 1_800_000_000_000 });
  const restored = new Database(join(back, 'raworc.db'), { readonly: true });
  t.teardown(() => restored.close());
  t.same(restored.prepare('select user from accounts').pluck().all(), ['ada'], 'the backup is whole');
});

t.test('a new directory needs no backup', async (t) => {
  t.equal(await upgrade(join(await olderRelease(t), 'missing')), undefined);
});

t.test('without a backup nothing is changed', async (t) => {
  const directory = await olderRelease(t);
  const full = async () => ({ freeBytes: 0, totalBytes: 2 ** 30 });
  await t.rejects(upgrade(directory, { freeSpace: full }), { message: /needs a backup before .* failed: not enough disk space/ });
  t.equal(stepsIn(join(directory, 'raworc.db')).done.at(-1), OLDER);
});

t.test('the two newest backups are kept', async (t) => {
  const directory = await olderRelease(t);
  await mkdir(join(directory, 'backups'));
  for (const step of ['0001-first', '0003-queue', '0015-storage'])
    await writeFile(join(directory, 'backups', `before-upgrade-from-${step}.backup`), '');
  await writeFile(join(directory, 'backups', 'of-the-operator.backup'), '');
  await upgrade(directory);
  t.same((await readdir(join(directory, 'backups'))).sort(), [
    'before-upgrade-from-0015-storage.backup',
    `before-upgrade-from-${OLDER}.backup`,
    'of-the-operator.backup',
  ]);
});

t.test('the database of a newer release is refused, and stays as it is', async (t) => {
  const directory = await olderRelease(t);
  const path = join(directory, 'raworc.db');
  const database = new Database(path);
  database.exec(`insert into kysely_migration values ('9999-future', 'now')`);
  database.close();
  t.equal(await upgrade(directory), undefined, 'and is not backed up');
  await t.rejects(openBareStore(path, 1), {
    message:
      /^A newer release of Raworc has changed the database .*raworc\.db \(its step 9999-future is unknown here\)\. Install that release/,
  });
  t.equal(stepsIn(path).done.at(-1), '9999-future');
  t.not(stepsIn(path).pending.length, 0, 'no step ran');
  const backups = join(directory, 'backups');
  await mkdir(backups);
  for (const step of ['0001-first', OLDER]) await writeFile(join(backups, `before-upgrade-from-${step}.backup`), '');
  await t.rejects(upgrade(directory), {
    message: `A newer release of Raworc has changed the database (its step 9999-future is unknown here). Install that release again. Or go back to the state before, without what happened since: systemctl stop raworc-controller.service; RAWORC_DATA_DIR=${join(directory, '..')} raworc-controller restore ${join(backups, `before-upgrade-from-${OLDER}.backup`)} --force && systemctl start raworc-controller.service`,
  });
  t.equal((await readdir(backups)).length, 2);
});

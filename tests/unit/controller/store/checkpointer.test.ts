import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { CHECKPOINT_FRAMES, Checkpointer, MAX_LOG_FRAMES } from '../../../../controller/store/sqlite/checkpoints/checkpointer.ts';
import { Snapshot } from '../../../../controller/store/sqlite/snapshot.ts';
import { type Metrics, silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../core.ts';

const PAGE = 4096;
/** A page in the log. */
const FRAME = PAGE + 24;
/** Fills a page of its own. */
const ROW = 'x'.repeat(3000);

/** A database whose checkpoints the thread makes, and what was counted of them. */
function openDatabase(t: Test, { threadPath }: { threadPath?: string } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-checkpoints-'));
  const path = join(directory, 'x.db');
  const writing = new Database(path);
  writing.pragma('journal_mode = WAL');
  // Tens of thousands of commits, none of which has to survive a power cut.
  writing.pragma('synchronous = OFF');
  writing.exec('create table rows (n integer primary key, text text)');
  const made = { thread: 0, commit: 0 };
  let wake: () => void = () => undefined;
  const metrics: Metrics = {
    ...silentMetrics,
    counter: () => ({
      add(amount, labels) {
        made[Object.values(labels ?? {}).includes('commit') ? 'commit' : 'thread'] += amount ?? 1;
        wake();
      },
    }),
  };
  const ended: unknown[] = [];
  const log = {
    ...silent,
    error(event: string, fields?: object) {
      ended.push({ event, ...fields });
      wake();
    },
  };
  const checkpointer = new Checkpointer({ path: threadPath ?? path, clock: systemClock, log, metrics });
  checkpointer.attach(writing);
  const insert = writing.prepare('insert into rows (text) values (?)');
  // The thread alone keeps no process alive.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(async () => {
    clearInterval(alive);
    await checkpointer.close();
    writing.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    path,
    writing,
    checkpointer,
    made,
    ended,
    insert: () => void insert.run(ROW),
    /** Commits at least so many pages at once. */
    fill: writing.transaction((pages: number) => {
      for (let page = 0; page < pages; page += 1) insert.run(ROW);
    }),
    commit() {
      insert.run(ROW);
      checkpointer.committed();
    },
    /** Waits until something is counted or logged that makes it true. */
    async until(holds: () => boolean) {
      while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
    },
    logBytes: () => statSync(`${path}-wal`).size,
    databaseBytes: () => statSync(path).size,
  };
}

t.test('the thread copies the log, and commits begin it again', async (t) => {
  const store = openDatabase(t);
  for (let commit = 0; commit < 5 * CHECKPOINT_FRAMES; commit += 1) {
    store.commit();
    // As between two requests of a calm hour.
    if (store.checkpointer.isCopying) await store.until(() => !store.checkpointer.isCopying);
  }
  t.ok(store.made.thread >= 5, 'each thousand pages');
  t.equal(store.made.commit, 0, 'no commit waited for a checkpoint');
  t.ok(store.databaseBytes() > 4 * CHECKPOINT_FRAMES * PAGE, 'the database has the rows');
  t.ok(store.logBytes() < 2 * CHECKPOINT_FRAMES * (PAGE + 24), 'the log does not grow with it');
});

t.test('a reader keeps the log from beginning again, but not for longer than it reads', async (t) => {
  const store = openDatabase(t);
  const reading = new Database(store.path, { readonly: true });
  t.teardown(() => reading.close());
  store.commit();
  reading.exec('begin');
  reading.prepare('select count(*) from rows').get();
  for (let pages = 0; pages < MAX_LOG_FRAMES + CHECKPOINT_FRAMES; pages += 100) {
    store.fill(100);
    store.checkpointer.committed();
    if (store.checkpointer.isCopying) await store.until(() => !store.checkpointer.isCopying);
  }
  t.ok(store.logBytes() > MAX_LOG_FRAMES * PAGE, 'the log keeps what the reader may need');
  t.equal(store.made.commit, 0, 'no commit tries what the thread could not do');
  reading.exec('commit');
  const before = store.databaseBytes();
  while (!store.checkpointer.isCopying) store.commit();
  t.equal(store.made.commit, 0, 'no commit copies all that the reader kept in the log');
  t.ok(store.databaseBytes() - before < CHECKPOINT_FRAMES * PAGE);
  await store.until(() => !store.checkpointer.isCopying);
  t.ok(store.databaseBytes() - before > (MAX_LOG_FRAMES / 2) * PAGE, 'the thread does');
  const most = store.logBytes();
  for (let commit = 0; commit < 2 * CHECKPOINT_FRAMES; commit += 1) store.commit();
  t.ok(most > MAX_LOG_FRAMES * FRAME, 'was longer than its bound');
  t.ok(store.logBytes() <= MAX_LOG_FRAMES * FRAME, 'and begins again, without what it took beyond');
  const { count } = store.writing.prepare<[], { count: number }>('select count(*) as count from rows').get() ?? { count: 0 };
  t.ok(count > MAX_LOG_FRAMES, 'and every row is there');
});

t.test('a checkpoint that fails fails no commit', async (t) => {
  const store = openDatabase(t);
  const { pragma } = store.writing;
  store.writing.pragma = (source, options) => {
    if (source.includes('passive')) throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
    return pragma.call(store.writing, source, options);
  };
  const reading = new Database(store.path, { readonly: true });
  t.teardown(() => reading.close());
  // A reader of the newest commit lets the thread copy everything, and keeps the log from beginning again.
  const commitWhileRead = () => {
    store.insert();
    if (reading.inTransaction) reading.exec('commit');
    reading.exec('begin');
    reading.prepare('select n from rows').get();
    store.checkpointer.committed();
  };
  store.fill(MAX_LOG_FRAMES + 1);
  for (let copies = 0; copies < 3; copies += 1) {
    while (!store.checkpointer.isCopying) commitWhileRead();
    await store.until(() => !store.checkpointer.isCopying);
  }
  t.equal(store.made.thread, 3);
  t.match(store.ended[0], { event: 'checkpoint.failed', error: 'database or disk is full' });
  t.equal(store.made.commit, 0);
});

t.test('while the thread is down, commits make the checkpoints', async (t) => {
  const store = openDatabase(t, { threadPath: '/nowhere/x.db' });
  await store.until(() => store.ended.length > 0);
  t.match(store.ended, [{ event: 'checkpointer.ended', error: /directory does not exist/ }]);
  for (let commit = 0; commit < 3 * CHECKPOINT_FRAMES; commit += 1) store.commit();
  t.ok(store.databaseBytes() > CHECKPOINT_FRAMES * PAGE, 'the database has the rows');
  t.ok(store.logBytes() < 2 * CHECKPOINT_FRAMES * (PAGE + 24), 'the log stays small');
});

t.test('reads that are held between commits, also while the thread answers', async (t) => {
  const { path, writing, checkpointer, made, insert, until } = openDatabase(t);
  const beside = new Database(path, { readonly: true });
  t.teardown(() => beside.close());
  const snapshot = new Snapshot(writing, beside, () => checkpointer.committed());
  const count = () => snapshot.connection().prepare<[], { count: number }>('select count(*) as count from rows').get()?.count;
  for (let written = 1; written <= 2 * CHECKPOINT_FRAMES; written += 1) {
    snapshot.write(insert);
    if (!checkpointer.isCopying) continue;
    t.equal(count(), written);
    await until(() => !checkpointer.isCopying);
  }
  t.ok(made.thread >= 2);
  t.equal(made.commit, 0);
});

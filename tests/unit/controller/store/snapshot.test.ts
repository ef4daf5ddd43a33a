import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import type { SpaceRow } from '../../../../controller/domain/spaces/rows.ts';
import { openBareStore, type SqliteStore } from '../../../../controller/store/sqlite/bare-store.ts';

const ID = '00000000-0000-4000-8000-000000000001' as SpaceId;

const OTHER = '00000000-0000-4000-8000-000000000002' as SpaceId;

const spaceRow = (secretsVersion: number, description: string | null): SpaceRow => ({
  ...{ id: ID, name: 'kitchen', description, settings: {}, secretsVersion, active: true },
  ...{ createdAt: 1, updatedAt: 1, createdBy: 'admin' },
});

const space = (secretsVersion: number, description: string | null = null): Mutation => put('spaces', spaceRow(secretsVersion, description));

async function open(t: Test): Promise<{ store: SqliteStore; path: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-snapshot-'));
  const path = join(directory, 'raworc.db');
  const store = await openBareStore(path, 1);
  t.teardown(() => {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { store, path };
}

const commit = ({ writer }: SqliteStore, mutation: Mutation) => writer.transaction(() => writer.apply(mutation));
const version = ({ view }: SqliteStore) => view.get('spaces', ID)?.secretsVersion;

t.test('what was read before a commit, or while it was made, hides nothing of it', async (t) => {
  const { store } = await open(t);
  t.equal(version(store), undefined);
  commit(store, space(1));
  t.equal(version(store), 1);
  store.writer.transaction(() => {
    store.writer.apply(space(2));
    t.equal(version(store), 1, 'not before it is committed');
  });
  t.equal(version(store), 2);
  t.throws(() =>
    store.writer.transaction(() => {
      store.writer.apply(space(3));
      version(store);
      throw new Error('no');
    }),
  );
  t.equal(version(store), 2, 'nor what was rolled back');
  commit(store, space(4));
  t.equal(version(store), 4);
});

t.test('reads do not keep the write-ahead log from being folded in', async (t) => {
  const { store, path } = await open(t);
  for (let at = 0; at < 100; at += 1) {
    // Another text each time: pages that stay the same are not written.
    commit(store, space(at, String.fromCharCode(64 + at).repeat(256 * 1024)));
    version(store);
  }
  t.ok(statSync(`${path}-wal`).size < 8 * 2 ** 20, 'of 25 MiB that were written');
});

/** Bytes that this process has read from files so far. */
const bytesRead = () => Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

t.test('a commit leaves what was read before it in the cache', async (t) => {
  const { store } = await open(t);
  const large = 'x'.repeat(1024 * 1024);
  commit(store, space(1, large));
  const other = put('spaces', { ...spaceRow(1, null), id: OTHER, name: 'hall' });
  t.equal(version(store), 1);
  const before = bytesRead();
  for (let at = 2; at < 12; at += 1) {
    commit(store, other);
    t.equal(version(store), 1);
  }
  t.ok(bytesRead() - before < large.length / 2, 'of a MiB that was read ten times');
});

t.test('what the commands of a batch may have to give back is kept in no file', async (t) => {
  const { store } = await open(t);
  const files = () => readdirSync('/proc/self/fd').flatMap((fd) => linkOf(`/proc/self/fd/${fd}`) ?? []);
  const before = files();
  store.writer.transaction(() => {
    for (let at = 0; at < 5; at += 1) store.writer.savepoint(() => store.writer.apply(space(at, String(at).repeat(256 * 1024))));
    store.writer.savepoint(() => {
      store.writer.apply(space(9, 'y'.repeat(256 * 1024)));
      t.same(files(), before);
    });
    t.throws(() =>
      store.writer.savepoint(() => {
        store.writer.apply(space(10, 'z'.repeat(256 * 1024)));
        throw new Error('no');
      }),
    );
  });
  t.equal(version(store), 9);
});

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

t.test('who looks on while another writes sees each of its commits', async (t) => {
  const { store, path } = await open(t);
  const onlooker = await openBareStore(path, 1, { looksOn: true });
  t.teardown(() => onlooker.close());
  for (const number of [1, 2]) {
    commit(store, space(number));
    t.equal(version(onlooker), number);
  }
});

t.test('the mark of published events waits for no disk, and every commit after it does', async (t) => {
  const { store } = await open(t);
  const { pragma } = Database.prototype;
  const asked = t.capture(Database.prototype, 'pragma', pragma);
  const settings = () => asked().map(({ args }) => args[0]);
  await store.events.markPublished(7);
  t.same(settings(), ['synchronous = NORMAL', 'synchronous = FULL']);
  t.equal(store.events.published(), 7);
  commit(store, space(1));
  t.same(settings(), []);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { MessageId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put, type Tables } from '../../../../controller/domain/engine/mutation.ts';
import type { MessageRow, QueueRow } from '../../../../controller/domain/messages/rows.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { openBareStore, type SqliteStore, type StoreOptions } from '../../../../controller/store/sqlite/bare-store.ts';
import { asStored } from '../../../../controller/store/sqlite/columns.ts';
import { KeptRows } from '../../../../controller/store/sqlite/views/kept-rows.ts';
import { sessionRow } from '../engine/session-rows.ts';

/** A store, and one beside it that always reads the database. */
async function open(t: Test, options: StoreOptions = {}): Promise<{ store: SqliteStore; disk: SqliteStore }> {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-kept-'));
  const path = join(directory, 'raworc.db');
  const store = await openBareStore(path, 1, options);
  const disk = await openBareStore(path, 1, { looksOn: true });
  t.teardown(() => {
    disk.close();
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { store, disk };
}

const session = sessionRow(1);
const messageRow = (seq: number, content = 'hello'): MessageRow => ({
  ...{ id: `00000000-0000-4000-8000-00000000010${seq}` as MessageId, sessionId: session.id, seq, role: 'user', content },
  ...{ metadata: { of: seq }, inReplyTo: null, createdBy: 'admin', createdAt: seq },
});
const queueRow = (seq: number): QueueRow => ({
  ...{ id: messageRow(seq).id, sessionId: session.id, seq, agent: 'echo', refusal: null, bytes: 5, acceptedAt: null },
  ...{ cancelGraceMs: null, run: null, createdAt: seq },
});
const queued = (seq: number): Mutation[] => [put('messages', messageRow(seq)), put('queue', queueRow(seq))];

const commit = ({ writer }: SqliteStore, ...mutations: readonly Mutation[]) =>
  writer.transaction(() => {
    for (const mutation of mutations) writer.apply(mutation);
  });

t.test('a read returns what the database has, whatever was written or removed', async (t) => {
  const { store, disk } = await open(t);
  const ids = [1, 2, 3].map((seq) => messageRow(seq).id);
  const steps: readonly (readonly Mutation[])[] = [
    [put('sessions', session), ...queued(1), ...queued(2), ...queued(3)],
    [put('sessions', { ...session, lastSeq: 9, metadata: { kept: 'yes', left: undefined } })],
    [put('queue', { ...queueRow(1), acceptedAt: 7, run: { id: 'run', agent: 'echo' } })],
    [{ kind: 'dequeue', row: queueRow(1) }],
    [{ kind: 'remove', table: 'messages', id: messageRow(2).id }],
    [{ kind: 'empty-queue', sessionId: session.id }],
    [put('messages', messageRow(4, 'x'.repeat(10_000)))],
    [{ kind: 'remove', table: 'sessions', id: session.id }],
  ];
  for (const [at, step] of steps.entries()) {
    commit(store, ...step);
    for (const view of [store.view, store.writer.view]) {
      t.strictSame(view.get('sessions', session.id), disk.view.get('sessions', session.id), `sessions after step ${at}`);
      for (const id of [...ids, messageRow(4).id]) {
        t.strictSame(view.get('messages', id), disk.view.get('messages', id), `messages after step ${at}`);
        t.strictSame(view.get('queue', id), disk.view.get('queue', id), `queue after step ${at}`);
      }
    }
  }
});

t.test('a transaction reads its own rows, others do not, and nothing is left of what is rolled back', async (t) => {
  const { store } = await open(t);
  const { writer, view } = store;
  const seq = (of = view) => of.get('sessions', session.id)?.lastSeq;
  const write = (lastSeq: number) => writer.apply(put('sessions', { ...session, lastSeq }));
  const fail = () => {
    throw new Error('no');
  };
  commit(store, put('sessions', { ...session, lastSeq: 1 }));
  writer.transaction(() => {
    write(2);
    t.equal(seq(writer.view), 2);
    t.equal(seq(), 1);
    t.throws(() =>
      writer.savepoint(() => {
        write(3);
        fail();
      }),
    );
    t.equal(seq(writer.view), 2);
  });
  t.equal(seq(), 2);
  t.throws(() =>
    writer.transaction(() => {
      write(4);
      fail();
    }),
  );
  t.equal(seq(writer.view), 2);
  t.equal(seq(), 2);
});

t.test('readers see a commit once it is synced, also of rows that they read meanwhile', async (t) => {
  const syncing = Promise.withResolvers<void>();
  const { store } = await open(t, { syncer: { isApart: true, sync: () => syncing.promise, syncNow: () => undefined } });
  const { writer, view } = store;
  commit(store, put('sessions', { ...session, lastSeq: 1 }), ...queued(1), ...queued(2));
  writer.syncNow();
  commit(
    store,
    put('sessions', { ...session, lastSeq: 2 }),
    { kind: 'dequeue', row: queueRow(1) },
    { kind: 'empty-queue', sessionId: session.id },
  );
  const synced = writer.sync();
  const seen = (of: typeof view) => [
    of.get('sessions', session.id)?.lastSeq,
    ...[1, 2].map((seq) => of.get('queue', messageRow(seq).id)?.seq),
  ];
  for (const _twice of [1, 2]) {
    t.same(seen(view), [1, 1, 2]);
    t.same(seen(writer.view), [2, undefined, undefined]);
  }
  syncing.resolve();
  await synced;
  t.same(seen(view), [2, undefined, undefined]);
  t.same(seen(writer.view), [2, undefined, undefined]);
});

t.test('rows with long fields are read again, so that memory stays bounded in bytes', async (t) => {
  const kept = new KeptRows();
  const read = (table: 'sessions' | 'messages', row: Tables['sessions' | 'messages']) => {
    kept.forReaders.keep(table, row);
    kept.apply(put(table, row as never));
    kept.show();
    return kept.forReaders.get(table, row.id) !== undefined;
  };
  const text = (length: number) => 'x'.repeat(length);
  t.ok(read('sessions', asStored('sessions', { ...session, metadata: { short: text(1000) } }) as SessionRow));
  t.notOk(read('sessions', { ...session, metadata: { long: text(3000) } }));
  t.ok(read('messages', asStored('messages', messageRow(1, text(1000))) as MessageRow));
  t.notOk(read('messages', messageRow(1, text(3000))));
  t.notOk(read('messages', { ...messageRow(1), metadata: { long: text(3000) } }));
});

/** A database of before the queue had a table of its own is opened by this version. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import t from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { migrate } from '../../../../controller/store/sqlite/migrations/migrations.ts';
import { queueStep } from '../../../../controller/store/sqlite/migrations/queue.ts';

const S = 's' as SessionId;

t.test('messages keep everything, and those without an answer are in the queue with their sizes', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-migration-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  const before = new Database(path);
  await migrate(before, '0002-node-keys');
  before.exec(`
    insert into messages values
      ('a', 's', 1, 'user', 'one', '{}', 'echo', null, null, 5, 6, 'bob', 1),
      ('b', 's', 2, 'agent', 'uno', '{"type":"agent_response"}', null, null, 'a', null, null, 'echo', 6),
      ('c', 's', 3, 'user', 'zwölf', '{"k":1}', 'echo', null, null, 9, null, 'bob', 7),
      ('d', 's', 4, 'user', 'who?', '{}', null, '{"reason":"agent_unknown","content":"no"}', null, null, null, 'bob', 8),
      ('e', 's', 5, 'system', 'note', '{}', null, null, null, null, null, 'bob', 9);
  `);
  await migrate(before, '0003-queue');
  // An earlier version could end before the migrator recorded it.
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: before }) });
  await queueStep.up(db);
  before.exec(`insert into runs values ('run-1', 's', 'c', 'echo', 9, null), ('run-2', 's', 'c', 'echo', 11, null)`);
  await db.destroy();
  for (const time of ['first', 'second']) {
    const { view, close } = await openBareStore(path, 1);
    t.same(
      view.messagesBefore(S, 10, 10).map(({ id, content, inReplyTo }) => [id, content, inReplyTo]),
      [
        ['e', 'note', null],
        ['d', 'who?', null],
        ['c', 'zwölf', null],
        ['b', 'uno', 'a'],
        ['a', 'one', null],
      ],
      time,
    );
    t.same(view.queued(S, 10), [
      {
        ...{ id: 'c', sessionId: S, seq: 3, agent: 'echo', refusal: null, bytes: 6 + 7 },
        ...{ acceptedAt: 9, createdAt: 7, cancelGraceMs: null, run: { id: 'run-2', agent: 'echo' } },
      },
      {
        ...{ id: 'd', sessionId: S, seq: 4, agent: null, refusal: { reason: 'agent_unknown', content: 'no' } },
        ...{ bytes: 4 + 2, acceptedAt: null, createdAt: 8, cancelGraceMs: null, run: null },
      },
    ]);
    t.match(view.answerTo('a' as MessageId), { id: 'b' });
    close();
  }
});

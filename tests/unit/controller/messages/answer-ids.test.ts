import Database from 'better-sqlite3';
import t from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import { answerId } from '../../../../controller/domain/messages/answers.ts';
import { openCore } from '../core.ts';
import { sessionRow, uuid } from '../engine/session-rows.ts';

t.test('the answer to a message is found, also in a copy; only answers in copies are indexed', async (t) => {
  const core = await openCore();
  t.teardown(core.close);
  const [from, to] = [sessionRow(1), sessionRow(2)];
  const about = (sessionId: SessionId, seq: number) => ({ sessionId, seq, content: 'x', metadata: {}, createdBy: 'x', createdAt: 1 });
  // Ids that end in every digit.
  const ids = Array.from({ length: 16 }, (_, at) => `${uuid(at).slice(0, -1)}${at.toString(16)}` as MessageId);
  const pairs = ids.flatMap((id, at) => [
    put('messages', { id, role: 'user', inReplyTo: null, ...about(from.id, 2 * at + 1) }),
    put('messages', { id: answerId(id), role: 'agent', inReplyTo: id, ...about(from.id, 2 * at + 2) }),
  ]);
  const copy: Mutation = { kind: 'copy-messages', from: from.id, to: to.id, fromSeq: 1 };
  const mutations = [put('sessions', from), put('sessions', to), ...pairs, copy];
  await core.applier.apply({ name: 'test', decide: () => ({ mutations, events: [], result: undefined }) });

  for (const id of ids) t.equal(core.store.view.answerTo(id)?.id, answerId(id));
  const copied = core.store.view.messagesBefore(to.id, 100, 100);
  const asked = copied.filter(({ role }) => role === 'user');
  t.equal(asked.length, ids.length);
  for (const { id, seq } of asked) t.match(core.store.view.answerTo(id), { inReplyTo: id, seq: seq + 1, sessionId: to.id });
  t.equal(core.store.view.answerTo(uuid(99) as MessageId), undefined);

  const database = new Database(core.store.path, { readonly: true });
  t.teardown(() => database.close());
  const indexed = database
    .prepare<[], string>(`select m.session_id from messages m indexed by messages_reply where ${indexCondition(database)}`)
    .pluck()
    .all();
  t.same(new Set(indexed), new Set([to.id]));
});

function indexCondition(database: Database.Database): string {
  const sql = database.prepare<[], string>(`select sql from sqlite_schema where name = 'messages_reply'`).pluck().get() ?? '';
  return sql.slice(sql.indexOf(' where ') + ' where '.length);
}

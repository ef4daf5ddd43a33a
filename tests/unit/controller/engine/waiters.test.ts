import t from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { MessageRow } from '../../../../controller/domain/messages/rows.ts';
import { Waiters } from '../../../../controller/services/engine/waiters.ts';

const row = (id: string, inReplyTo: string | null): MessageRow => ({
  ...{ id: id as MessageId, sessionId: 's' as SessionId, seq: 1, role: 'agent', content: '', metadata: {} },
  ...{ inReplyTo: inReplyTo as MessageId | null, createdBy: 'x', createdAt: 1 },
});

t.test('a message is looked at by those who wait for its answer, and by nobody who waits for another', async (t) => {
  const waiters = new Waiters();
  const { signal } = new AbortController();
  const answered = new Set<string>();
  const looks = new Map<string, number>();
  const wait = (message: string) =>
    waiters.until(
      message,
      () => {
        looks.set(message, (looks.get(message) ?? 0) + 1);
        return answered.has(message) ? message : undefined;
      },
      signal,
    );
  const waits = Array.from({ length: 1_000 }, (_, index) => wait(`m${index}`));
  waiters.committed([put('messages', row('new', null))]);
  answered.add('m7');
  waiters.committed([put('messages', row('answer', 'm7'))]);
  t.equal(await waits[7], 'm7');
  answered.add('m8');
  waiters.committed([{ kind: 'remove', table: 'messages', id: 'm8' }]);
  t.equal(await waits[8], 'm8', 'told of its removal too');
  t.equal(
    [...looks.values()].reduce((sum, count) => sum + count, 0),
    1_002,
    'a look each at the beginning, and one for each change',
  );
});

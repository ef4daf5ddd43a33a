import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { MessageId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { contextOf } from '../../../../controller/domain/messages/choose-agent.ts';
import type { MessageRow } from '../../../../controller/domain/messages/rows.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { sessionRow, uuid } from '../engine/session-rows.ts';

const KIB = 1024;
const SESSION = sessionRow(1);

/** What the agent is shown of these contents when it is asked the last one. */
async function shown(t: Test, contents: readonly string[]): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-history-'));
  const store = await openBareStore(join(directory, 'raworc.db'), 1);
  t.teardown(() => {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const rows = contents.map(
    (content, index): MessageRow => ({
      ...{ id: uuid(index) as MessageId, sessionId: SESSION.id, seq: index + 1, role: 'user', content, metadata: {} },
      ...{ inReplyTo: null, createdBy: 'admin', createdAt: index },
    }),
  );
  store.writer.transaction(() => {
    for (const row of rows) store.writer.apply(put('messages', row));
  });
  const asked = rows.at(-1);
  const context = asked && JSON.parse(contextOf(store.view, SESSION, asked));
  t.same(context.history[0]?.role, context.history.length === 0 ? undefined : 'user');
  return context.history.map(({ content }: { content: string }) => content);
}

t.test('an agent is shown the newest twenty messages before the one that it is asked, oldest first', async (t) => {
  const contents = Array.from({ length: 30 }, (_, index) => `message ${index}`);
  t.same(await shown(t, contents), contents.slice(9, 29));
  t.same(await shown(t, ['only']), []);
});

t.test('together they have at most 64 KiB, and nothing older than what does not fit is shown', async (t) => {
  const large = 'x'.repeat(40 * KIB);
  t.same(await shown(t, ['old', large, 'between', large, 'new', 'asked']), ['between', large, 'new']);
  t.same(await shown(t, ['old', 'y'.repeat(65 * KIB), 'new', 'asked']), ['new']);
  t.same(await shown(t, ['ü'.repeat(33 * KIB), 'new', 'asked']), ['new'], 'bytes count, not characters');
});

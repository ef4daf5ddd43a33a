import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { eventsOnThread } from '../../../../controller/store/sqlite/reader/event-pages.ts';
import { Reader } from '../../../../controller/store/sqlite/reader/reader.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../core.ts';

const ONE = 'session-1' as SessionId;
const OTHER = 'session-2' as SessionId;
const WIDE = { limit: 100, maxBytes: 2 ** 30 };

/** A log in which every third event is of ONE and the others are of OTHER, each of that many bytes of data. */
async function filled(t: Test, count: number, bytes: number) {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-events-'));
  const store = await openBareStore(join(directory, 'raworc.db'), 1);
  const reader = new Reader({ path: store.path, clock: systemClock, log: silent });
  t.teardown(async () => {
    await reader.close();
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const text = 'x'.repeat(bytes - '{"text":""}'.length);
  store.writer.transaction(() => {
    for (let number = 1; number <= count; number += 1) {
      const sessionId = number % 3 === 0 ? ONE : OTHER;
      store.writer.record({ type: 'message.created', spaceId: 'space' as SpaceId, sessionId, data: { text } }, number, number);
    }
  });
  const remove = (which: string) => {
    const database = new Database(store.path);
    database.exec(`delete from events where ${which}`);
    database.close();
  };
  return { store, remove, logs: { here: store.events, 'on a thread': eventsOnThread(store.events, reader) } };
}

const shown = ({ events, reached, gap }: { events: readonly { number: number }[]; reached: number; gap: boolean }) => ({
  numbers: events.map(({ number }) => number),
  reached,
  gap,
});

t.test('a page ends at its number of events and at its bytes, never before its first event, and says how far it goes', async (t) => {
  const { logs } = await filled(t, 30, 1000);
  for (const [name, log] of Object.entries(logs)) {
    const page = async (...args: Parameters<typeof log.after>) => shown(await log.after(...args));
    t.same(await page(27, WIDE), { numbers: [28, 29, 30], reached: 30, gap: false }, name);
    t.same(await page(0, { limit: 3, maxBytes: 2 ** 30 }), { numbers: [1, 2, 3], reached: 3, gap: false });
    t.same(await page(4, { limit: 100, maxBytes: 3000 }), { numbers: [5, 6, 7], reached: 7, gap: false });
    t.same(
      await page(4, { limit: 100, maxBytes: 3001 }),
      { numbers: [5, 6, 7, 8], reached: 8, gap: false },
      'the one that passes the bound is in',
    );
    t.same(await page(4, { limit: 100, maxBytes: 1 }), { numbers: [5], reached: 5, gap: false });
    t.same(await page(30, WIDE), { numbers: [], reached: 30, gap: false });
    t.same(await page(20, WIDE, ONE), { numbers: [21, 24, 27, 30], reached: 30, gap: false });
    t.same(await page(20, { limit: 2, maxBytes: 2 ** 30 }, ONE), { numbers: [21, 24], reached: 24, gap: false });
    t.same(await page(20, { limit: 100, maxBytes: 1001 }, ONE), { numbers: [21, 24], reached: 24, gap: false });
    t.same(await page(28, WIDE, OTHER), { numbers: [29], reached: 30, gap: false });
  }
});

t.test('a page tells that retention has removed what was asked for, wherever in the log it was', async (t) => {
  const { logs, remove } = await filled(t, 30, 100);
  remove(`session_id = '${OTHER}' and number < 20`);
  const { here } = logs;
  const gap = async (...args: Parameters<typeof here.after>) => (await here.after(...args)).gap;
  t.ok(await gap(0, WIDE), 'the first events');
  t.ok(await gap(5, WIDE), 'some in between');
  t.notOk(await gap(19, WIDE), 'but not after them');
  t.notOk(await gap(0, WIDE, ONE), 'a session whose events are all there');
  t.notOk(await gap(9, WIDE, ONE));
  t.ok(await gap(0, WIDE, OTHER), 'a session that lost some');
  t.notOk(await gap(20, WIDE, OTHER), 'and from where the rest begins');
  remove(`session_id = '${OTHER}'`);
  t.ok(await gap(10, WIDE, OTHER), 'a session that lost all');
});

t.test('a page is found by its index, and reads no data behind its end', async (t) => {
  const { store } = await filled(t, 3, 100);
  const database = new Database(store.path, { readonly: true });
  t.teardown(() => database.close());
  const plans: string[] = [];
  const spy = {
    async read(queries: readonly { sql: string; parameters: readonly unknown[] }[]) {
      for (const { sql, parameters } of queries) {
        for (const row of database.prepare(`explain query plan ${sql}`).all(...parameters))
          plans.push(String((row as { detail: string }).detail));
      }
      return queries.map(() => []);
    },
  };
  await eventsOnThread(store.events, spy).after(0, WIDE, ONE);
  t.notOk(
    plans.some((detail) => /^SCAN (events|e)\b/.test(detail) && !/COVERING|max|min/i.test(detail)),
    plans.join('\n'),
  );
  t.ok(plans.some((detail) => /SEARCH events USING .*events_session\b/.test(detail)));
});

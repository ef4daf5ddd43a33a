/** A database that can grow no more, with the real store below the real applier. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { TransactionLost } from '../../../../controller/services/engine/transaction-lost.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { systemClock } from '../../../../seams/system.ts';
import { batching, type Core, newMessage, newSession, openCore, withAgents } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';

const S = 'session-1' as SessionId;
const PAGE = 4096;

/** A store with a session in it, closed. */
async function prepared(t: Test): Promise<{ directory: string; bytes: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-full-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const core = await openCore({ directory });
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  core.close();
  return { directory, bytes: statSync(join(directory, 'raworc.db')).size };
}

const post = (core: Core, content: string) => {
  const message = newMessage(S, content);
  return { id: message.id, outcome: core.applier.submit(postMessage(message)) };
};

t.test(
  'a database that fills up in the middle of a batch of 100 keeps nothing of it, answers nothing, and goes on with room',
  async (t) => {
    const { directory, bytes } = await prepared(t);
    const lines: string[] = [];
    const note = (event: string) => void lines.push(event);
    const log: Log = { debug: note, info: note, warn: note, error: note };
    // Time stands still: a batch is never cut because it took long.
    const now = systemClock.now();
    const clock: Clock = { ...batching(systemClock), now: () => now, monotonic: () => 0 };
    const core = await openCore({ directory, log, maxBytes: bytes + 100 * PAGE, clock });
    t.teardown(core.close);
    const first = await Promise.all(Array.from({ length: 5 }, () => post(core, 'x'.repeat(8000)).outcome));
    t.ok(first.every(({ ok }) => ok));
    const before = core.store.events.newest();
    const capacity = core.fleet.nodes();

    const answered: string[] = [];
    const told: unknown[] = [];
    core.applier.onCommitted((committed) => told.push(committed));
    const batch = Array.from({ length: 100 }, () => post(core, 'y'.repeat(8000)));
    for (const { id, outcome } of batch)
      outcome.then(
        () => answered.push(id),
        () => answered.push(id),
      );
    for (let turn = 0; turn < 20 && core.fatal.length === 0; turn += 1) await new Promise(setImmediate);

    t.equal(core.fatal.length, 1, 'said once');
    const [fault] = core.fatal;
    t.ok(fault instanceof TransactionLost);
    t.match(fault, {
      message: /raworc\.db: database or disk is full\. None of the last batch .* Free space .* start the controller again/,
    });
    t.same(lines, [], 'and by nobody else');
    t.same(told, []);
    t.same(answered, []);
    t.same(core.fleet.nodes(), capacity);
    t.equal(core.store.events.newest(), before);
    for (const { id } of batch) t.equal(core.store.view.get('messages', id), undefined);
    t.match(await core.applier.submit(newSession()), { ok: false, refusal: { code: 'UNAVAILABLE' } });
    core.close();

    const next = await openCore({ directory });
    t.teardown(next.close);
    const after = await Promise.all(Array.from({ length: 100 }, () => post(next, 'z'.repeat(8000)).outcome));
    t.ok(after.every(({ ok }) => ok));
    const numbers = (await committedEvents(next.store.events)).map(({ number }) => number);
    t.same(
      numbers,
      numbers.map((_, at) => at + 1),
      'no event number is skipped or used twice',
    );
  },
);

t.test('a controller that cannot write its database does not start, and says what to do', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-full-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const opened = openBareStore(join(directory, 'raworc.db'), 1, { maxBytes: 10 * PAGE });
  await t.rejects(opened, {
    message: /Cannot open .*raworc\.db for writing: database or disk is full\. Free space on its disk, then start/,
  });
});

/** A database that reaches its size limit again and again, under clients that send without end. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SessionId } from '../../controller/domain/engine/ids.ts';
import { postMessage } from '../../controller/domain/messages/commands/post-message.ts';
import { LEAST_SIZES, newMessage, newSession, openCore, withAgents } from '../unit/controller/core.ts';
import { committedEvents } from '../unit/controller/events/committed-events.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

t.setTimeout(TIME_LIMIT_MS);

const LIVES = scaled({ short: 5, long: 50 });
const BATCH = 100;
/** Less than a batch needs: the limit is met in the middle of one. */
const ROOM_PAGES = 350;

t.test(`after each of ${LIVES} times, what was answered is in the store and nothing else is`, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-size-full-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  const first = await openCore({ directory });
  await withAgents(first, ['echo']);
  first.close();

  const answered = new Set<string>();
  const posted = new Set<string>();
  for (let life = 0; life < LIVES; life += 1) {
    const core = await openCore({ directory, maxBytes: statSync(path).size + ROOM_PAGES * 4096 });
    const session = `session-${life}` as SessionId;
    const made = await core.applier.submit(newSession({ id: session, ...LEAST_SIZES }));
    t.ok(made.ok);
    while (core.fatal.length === 0) {
      const batch = Array.from({ length: BATCH }, () => newMessage(session, 'x'.repeat(3000)));
      for (const message of batch) {
        posted.add(message.id);
        core.applier.submit(postMessage(message)).then(
          () => answered.add(message.id),
          () => undefined,
        );
      }
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
    t.equal(core.fatal.length, 1);
    core.close();
  }

  const core = await openCore({ directory });
  t.teardown(core.close);
  const kept = [...posted].filter((id) => core.store.view.get('messages', id) !== undefined);
  t.same(new Set(kept), answered, `${kept.length} of ${posted.size}`);
  const numbers = (await committedEvents(core.store.events)).map(({ number }) => number);
  t.same(
    numbers,
    numbers.map((_, at) => at + 1),
    'no event number is skipped',
  );
});

import t, { type Test } from 'tap';
import { expect, type Rest } from '../cluster/rest.ts';
import { SizedController } from './controller.ts';
import { CountedStream } from './counted-stream.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

t.setTimeout(TIME_LIMIT_MS);

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** The most that a body of 1 MiB has room for. */
const LARGEST = 1_048_400;
const MESSAGE = 'message.created';
const eventsOf = (controller: SizedController, session: string) => `${controller.url}/api/v0/sessions/${session}/events`;

/** A session whose node has gone, so that nothing but its watchers is at work. */
async function lonelySession(t: Test, controller: SizedController): Promise<string> {
  const node = await controller.node(t);
  const { id } = await controller.rest.createSession();
  await node.close();
  return id;
}

/** A message that nobody answers. */
async function note(rest: Rest, session: string, content: string): Promise<void> {
  expect(await rest.call('POST', `/sessions/${session}/messages`, { role: 'system', content }), 201, 'a note');
}

async function notes(rest: Rest, session: string, count: number, bytes: number): Promise<void> {
  const content = 'n'.repeat(bytes);
  let left = count;
  const one = async () => {
    while (left-- > 0) await note(rest, session, content);
  };
  await Promise.all(Array.from({ length: 16 }, one));
}

t.test('every one of many watchers gets ten messages of 1 MiB, complete and in order', async (t) => {
  const count = scaled({ short: 10, long: 1_000 });
  const controller = await SizedController.start(t);
  const id = await lonelySession(t, controller);
  const watchers: CountedStream[] = [];
  while (watchers.length < count) watchers.push(await CountedStream.open(eventsOf(controller, id), controller.token));
  const startedAt = performance.now();
  const arrived = Promise.all(watchers.map((watcher) => watcher.until(MESSAGE, 10)));
  let maxUnsent = 0;
  const post = async () => {
    for (let number = 0; number < 10; number += 1) {
      await note(controller.rest, id, String(number).repeat(LARGEST));
      maxUnsent = Math.max(maxUnsent, await controller.metric('streams_unsent_bytes'));
    }
  };
  await Promise.all([arrived, post()]);
  const peak = await controller.peakBytes();
  const [first = [], ...others] = watchers.map((watcher) => watcher.of(MESSAGE));
  t.comment(
    `${count} watchers, ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${Math.round(peak / MIB)} MiB, unsent at most ${Math.round(maxUnsent / MIB)} MiB`,
  );
  t.equal(first.length, 10);
  t.ok(first.every(({ bytes }) => bytes > LARGEST));
  t.equal(new Set(first.map(({ crc }) => crc)).size, 10);
  t.ok(
    others.every((frames) => JSON.stringify(frames) === JSON.stringify(first)),
    'the same bytes in the same order for each',
  );
  t.ok(maxUnsent <= 16 * MIB, 'what one account’s watchers have not read is bounded');
  t.ok((await controller.metric('event_pages_total', 'from="store"')) <= 100, 'no event is read for each of them');
  t.equal(await controller.metric('streams_cut_total'), 0);
  t.ok(peak < GIB);
  for (const watcher of watchers) watcher.close();
});

t.test('a client far behind arrives at the end, however often it is cut; one that reads nothing is cut', async (t) => {
  const count = scaled({ short: 1_000, long: 10_000 });
  const controller = await SizedController.start(t);
  const id = await lonelySession(t, controller);
  const live = await CountedStream.open(eventsOf(controller, id), controller.token);
  await note(controller.rest, id, 'first');
  await live.until(MESSAGE, 1);
  const lastEventId = live.frames.at(-1)?.id ?? '';
  await notes(controller.rest, id, count, 10_000);
  await live.until(MESSAGE, 1 + count);
  const expected = JSON.stringify(live.of(MESSAGE).slice(1));
  live.close();

  const stuck = await CountedStream.open(eventsOf(controller, id), controller.token, { lastEventId, paused: true });
  const startedAt = performance.now();
  const back = await CountedStream.open(eventsOf(controller, id), controller.token, { lastEventId });
  await back.until(MESSAGE, count);
  t.comment(`${count} events of 10 KB in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  t.equal(JSON.stringify(back.of(MESSAGE)), expected, 'all of them, in order');
  back.close();

  const pieces: unknown[] = [];
  let reached = lastEventId;
  for (let returns = 0; pieces.length < count && returns < count; returns += 1) {
    const again = await CountedStream.open(eventsOf(controller, id), controller.token, { lastEventId: reached });
    await again.until(MESSAGE, Math.min(count - pieces.length, count / 10));
    again.close();
    pieces.push(...again.of(MESSAGE));
    reached = again.frames.at(-1)?.id ?? reached;
  }
  t.equal(JSON.stringify(pieces), expected, 'also by ten returns');

  const { fields } = await controller.untilLogged('events.slow_reader_cut');
  t.ok(Number(fields.unsent_bytes) < 4 * MIB);
  t.equal(await controller.metric('streams_cut_total'), 1);
  t.ok(Number(fields.stuck_ms) >= 30_000, 'and not before');
  t.comment(`cut ${((performance.now() - startedAt) / 1000).toFixed(1)} s after it was opened`);
  stuck.close();
});

t.test('watchers that return after a restart read the same pages together', async (t) => {
  const count = scaled({ short: 100, long: 1_000 });
  const behind = 1_000;
  const before = await SizedController.start(t);
  const id = await lonelySession(t, before);
  const live = await CountedStream.open(`${before.url}/api/v0/events`, before.token);
  await note(before.rest, id, 'first');
  await live.until(MESSAGE, 1);
  const lastEventId = live.frames.at(-1)?.id ?? '';
  await notes(before.rest, id, behind, 1_000);
  await live.until(MESSAGE, 1 + behind);
  live.close();

  const controller = await before.restart(t);
  const startedAt = performance.now();
  const watchers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      CountedStream.open(index % 2 === 0 ? `${controller.url}/api/v0/events` : eventsOf(controller, id), controller.token, { lastEventId }),
    ),
  );
  await Promise.all(watchers.map((watcher) => watcher.until(MESSAGE, behind)));
  const pages = await controller.metric('event_pages_total', 'from="store"');
  t.comment(`${count} watchers ${behind} events behind: ${pages} pages read, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  const [first] = watchers.map((watcher) => JSON.stringify(watcher.of(MESSAGE)));
  t.ok(watchers.every((watcher) => JSON.stringify(watcher.of(MESSAGE)) === first));
  t.ok(pages <= 4 * (behind / 200) + 20, 'pages are read for the events, and not for the watchers');
  t.ok((await controller.peakBytes()) < GIB);
  for (const watcher of watchers) watcher.close();
});

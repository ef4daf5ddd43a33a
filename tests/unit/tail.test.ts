import t from 'tap';
import type { EventPosition, StoredEvent } from '../../controller/domain/events.ts';
import type { SessionId, SpaceId } from '../../controller/domain/ids.ts';
import type { EventWatcher } from '../../controller/services/api.ts';
import { Tail } from '../../controller/services/tail.ts';
import { FrailNews } from './bus-frail-news.ts';
import { HandClock } from './bus-hand-clock.ts';
import { keptLog } from './bus-kept-log.ts';
import { MemoryLog } from './bus-memory-log.ts';

const SPACE = 'space-a' as SpaceId;
const OTHER_SPACE = 'space-b' as SpaceId;
const SESSION = 'session-1' as SessionId;
const OTHER = 'session-2' as SessionId;

function room(committed = 0) {
  const clock = new HandClock();
  const events = new MemoryLog(7);
  const news = new FrailNews();
  const log = keptLog();
  for (let count = 0; count < committed; count += 1) events.commit({ space: SPACE, session: SESSION });
  const tail = new Tail({ events, news, clock, log });
  tail.start();
  return { clock, events, news, log, tail };
}

/** Writes down everything that it is called with. */
function scribe(take: (event: StoredEvent) => boolean = () => true): EventWatcher & { readonly said: unknown[] } {
  const said: unknown[] = [];
  const write = (word: unknown) => {
    said.push(word);
    return true;
  };
  return {
    said,
    event: (event) => write(event.number) && take(event),
    delta: (delta) => write(delta.text),
    log: (line) => write(line.line),
    reset: (position) => write({ reset: position }),
    end: () => {
      said.push('end');
    },
  };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

t.test('what is committed here reaches its watchers at once, once, and without reading the event log', async (t) => {
  const { clock, events, news, tail } = room(3);
  const all = scribe();
  const one = scribe();
  const other = scribe();
  const stranger = scribe();
  const space = scribe();
  tail.watch({}, undefined, all);
  tail.watch({ session: SESSION }, undefined, one);
  tail.watch({ session: OTHER }, undefined, other);
  tail.watch({ session: SESSION, spaces: new Set([OTHER_SPACE]) }, undefined, stranger);
  tail.watch({ spaces: new Set([SPACE]) }, undefined, space);
  const committed = [events.commit({ space: SPACE, session: SESSION }), events.commit({ type: 'node.joined' })];
  tail.committed(committed);
  const expected = () => t.same([all.said, one.said, other.said, stranger.said, space.said], [[4, 5], [4], [], [], [4]]);
  expected();
  for (const event of committed) news.event(7, event);
  news.newest({ epoch: 7, number: 5 });
  news.deliver();
  await clock.advance(0);
  expected();
  t.equal(events.reads, 0);
});

t.test('a gap is read from the event log at once, however long', async (t) => {
  const { clock, events, news, tail } = room();
  const watcher = scribe();
  tail.watch({}, undefined, watcher);
  for (let count = 0; count < 1000; count += 1) events.commit({});
  news.newest({ epoch: 7, number: 1000 });
  news.deliver();
  await clock.advance(0);
  t.same(watcher.said, numbers(1, 1000));
});

t.test('news of another epoch, or of events that are not there, changes nothing', async (t) => {
  const { clock, events, news, tail } = room(3);
  const watcher = scribe();
  tail.watch({}, undefined, watcher);
  const event = events.commit({});
  news.event(6, { ...event, number: 4 });
  news.newest({ epoch: 8, number: 900 });
  news.deliver();
  await clock.advance(0);
  t.same(watcher.said, []);
  news.newest({ epoch: 7, number: 900 });
  news.deliver();
  await clock.advance(0);
  t.same(watcher.said, [4]);
  const reads = events.reads;
  await clock.advance(1_000);
  t.equal(events.reads, reads, 'and it is not looked for again and again');
});

t.test('where a watcher may start', async (t) => {
  const table: { name: string; after: EventPosition | undefined; pruned?: number; gets: unknown[] }[] = [
    { name: 'now', after: undefined, gets: [11] },
    { name: 'in the past', after: { epoch: 7, number: 8 }, gets: [9, 10, 11] },
    { name: 'at the beginning', after: { epoch: 7, number: 0 }, gets: numbers(1, 11) },
    { name: 'at the newest', after: { epoch: 7, number: 10 }, gets: [11] },
    { name: 'in the future', after: { epoch: 7, number: 11 }, gets: [{ reset: { epoch: 7, number: 10 } }, 11] },
    { name: 'in another epoch', after: { epoch: 6, number: 8 }, gets: [{ reset: { epoch: 7, number: 10 } }, 11] },
    { name: 'before what was pruned', after: { epoch: 7, number: 3 }, pruned: 4, gets: [{ reset: { epoch: 7, number: 10 } }, 11] },
    { name: 'just after what was pruned', after: { epoch: 7, number: 4 }, pruned: 4, gets: numbers(5, 11) },
  ];
  for (const { name, after, pruned, gets } of table) {
    const { clock, events, tail } = room(10);
    if (pruned !== undefined) events.prune(pruned);
    const watcher = scribe();
    tail.watch({ session: SESSION }, after, watcher);
    t.same(watcher.said, [], `${name}: not called before watch has returned`);
    await clock.advance(0);
    tail.committed([events.commit({ space: SPACE, session: SESSION })]);
    t.same(watcher.said, gets, name);
  }
});

t.test('a watcher that reads on while events are pruned gets a reset', async (t) => {
  const { clock, events, tail } = room(1000);
  const watcher = scribe((event) => {
    if (event.number === 100) events.prune(700);
    return true;
  });
  tail.watch({}, { epoch: 7, number: 0 }, watcher);
  await clock.advance(0);
  t.same(watcher.said, [...numbers(1, 200), { reset: { epoch: 7, number: 1000 } }]);
});

t.test('a watcher that takes no more, or throws, is ended; the others go on', async (t) => {
  const { clock, events, log, tail } = room(3);
  const full = scribe((event) => event.number < 4);
  const fullEarly = scribe((event) => event.number < 2);
  const broken = scribe(() => {
    throw new Error('on purpose');
  });
  const good = scribe();
  tail.watch({}, undefined, full);
  tail.watch({}, { epoch: 7, number: 0 }, fullEarly);
  tail.watch({}, undefined, broken);
  tail.watch({}, undefined, good);
  await clock.advance(0);
  tail.committed([events.commit({}), events.commit({})]);
  t.same(
    [full.said, fullEarly.said, broken.said, good.said],
    [
      [4, 'end'],
      [1, 2, 'end'],
      [4, 'end'],
      [4, 5],
    ],
  );
  t.same(log.events, ['tail.watcher_failed']);
});

t.test('a watcher may close itself or another while it is called', async (t) => {
  const { events, tail } = room();
  const second = scribe();
  const first = scribe(() => {
    own.close();
    others.close();
    return true;
  });
  const own = tail.watch({}, undefined, first);
  const others = tail.watch({}, undefined, second);
  tail.committed([events.commit({}), events.commit({})]);
  t.same([first.said, second.said], [[1], []]);
});

t.test('partial output and log lines go to those who may see them and are up to date', async (t) => {
  const { clock, news, tail } = room(500);
  const live = scribe();
  const late = scribe();
  const other = scribe();
  tail.watch({ session: SESSION }, undefined, live);
  tail.watch({ session: SESSION }, { epoch: 7, number: 0 }, late);
  tail.watch({ session: OTHER }, undefined, other);
  const of = { spaceId: SPACE, sessionId: SESSION, runId: 'run', agent: 'agent' };
  const say = (text: string) => {
    news.delta({ ...of, messageId: 'message', number: 1, text });
    news.log({ ...of, stream: 'stdout', line: `line ${text}`, at: 1, dropped: 0 });
    news.deliver();
  };
  say('a');
  await clock.advance(0);
  say('b');
  t.same(live.said, ['a', 'line a', 'b', 'line b']);
  t.same(late.said, [...numbers(1, 500), 'b', 'line b']);
  t.same(other.said, []);
});

t.test('with a bus that is silent, the event log is asked', async (t) => {
  const { clock, events, tail } = room();
  const watcher = scribe();
  tail.watch({}, undefined, watcher);
  events.commit({});
  await clock.advance(1_500);
  t.same(watcher.said, [1]);
});

t.test('waiting for an event: found, given up, or the end', async (t) => {
  const { events, tail } = room();
  const running = new AbortController();
  const wait = (signal: AbortSignal) => tail.whenEvent({ session: SESSION }, (event) => event.type === 'message.created', signal);
  const found = wait(running.signal);
  const givenUp = wait(AbortSignal.abort());
  const leaving = new AbortController();
  const left = wait(leaving.signal);
  leaving.abort();
  tail.committed([events.commit({ session: SESSION }), events.commit({ session: OTHER, type: 'message.created' })]);
  const wanted = events.commit({ session: SESSION, type: 'message.created' });
  tail.committed([wanted]);
  const ended = wait(running.signal);
  tail.close();
  t.same(await Promise.all([found, givenUp, left, ended]), [wanted, undefined, undefined, undefined]);
});

t.test('after close there is nothing but the end', async (t) => {
  const { clock, events, news, tail } = room(3);
  const before = scribe();
  tail.watch({}, undefined, before);
  tail.close();
  const after = scribe();
  tail.watch({}, { epoch: 7, number: 0 }, after);
  tail.committed([events.commit({})]);
  news.newest({ epoch: 7, number: 4 });
  news.deliver();
  await clock.advance(5_000);
  t.same([before.said, after.said], [['end'], ['end']]);
});

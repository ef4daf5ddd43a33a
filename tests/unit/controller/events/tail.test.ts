import t from 'tap';
import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import type { EventPosition, StoredEvent } from '../../../../controller/domain/events/events.ts';
import { Loops } from '../../../../controller/services/engine/loops.ts';
import { Tail } from '../../../../controller/services/events/tail.ts';
import type { EventWatcher, Taken } from '../../../../controller/services/events/watching.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { FrailNews } from './frail-news.ts';
import { keptLog } from './kept-log.ts';
import { MemoryLog } from './memory-log.ts';

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
  const tail = new Tail({ loops: new Loops({ clock, random: systemRandom, log }), events, news, clock, log });
  tail.start();
  return { clock, events, news, log, tail };
}

/** Writes down everything that it is called with. */
function scribe(take: (event: StoredEvent) => Taken = () => 'more'): EventWatcher & { readonly said: unknown[] } {
  const said: unknown[] = [];
  const write = (word: unknown): Taken => {
    said.push(word);
    return 'more';
  };
  return {
    said,
    event(event) {
      write(event.number);
      const taken = take(event);
      if (taken === 'full') said.pop();
      return taken;
    },
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
    return 'more';
  });
  tail.watch({}, { epoch: 7, number: 0 }, watcher);
  await clock.advance(0);
  t.same(watcher.said, [...numbers(1, 200), { reset: { epoch: 7, number: 1000 } }]);
});

t.test('a watcher that takes no more, or throws, is ended; the others go on', async (t) => {
  const { clock, events, log, tail } = room(3);
  const full = scribe((event) => (event.number < 4 ? 'more' : 'over'));
  const fullEarly = scribe((event) => (event.number < 2 ? 'more' : 'over'));
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
    return 'more';
  });
  const own = tail.watch({}, undefined, first);
  const others = tail.watch({}, undefined, second);
  tail.committed([events.commit({}), events.commit({})]);
  t.same([first.said, second.said], [[1], []]);
});

t.test('partial output goes to those who may see it and are up to date', async (t) => {
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
    news.deliver();
  };
  say('a');
  await clock.advance(0);
  say('b');
  t.same(live.said, ['a', 'b']);
  t.same(late.said, [...numbers(1, 500), 'b']);
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

t.test('a watcher that is full is left alone, and goes on with the event that it did not take', async (t) => {
  const { clock, events, tail } = room(2);
  let left = 0;
  const slow = scribe(() => (left-- > 0 ? 'more' : 'full'));
  const quick = scribe();
  const watching = tail.watch({}, { epoch: 7, number: 0 }, slow);
  tail.watch({}, undefined, quick);
  left = 1;
  await clock.advance(0);
  t.same(slow.said, [1], 'full while it catches up');
  for (let count = 0; count < 3; count += 1) tail.committed([events.commit({ space: SPACE, session: SESSION })]);
  await clock.advance(10_000);
  t.same(slow.said, [1], 'and nothing is tried before it resumes');
  left = 3;
  watching.resume();
  await clock.advance(0);
  t.same(slow.said, [1, 2, 3, 4]);
  left = 1;
  watching.resume();
  await clock.advance(0);
  t.same(slow.said, numbers(1, 5), 'up to date');
  tail.committed([events.commit({})]);
  left = 9;
  watching.resume();
  await clock.advance(0);
  tail.committed([events.commit({})]);
  t.same([slow.said, quick.said], [numbers(1, 7), [3, 4, 5, 6, 7]], 'full as one of the audience, and back in it');
  watching.close();
  watching.resume();
  tail.committed([events.commit({})]);
  t.same(slow.said, numbers(1, 7));
});

t.test('a watcher that has no room for a reset gets it later', async (t) => {
  const { clock, tail } = room(9);
  let isFull = true;
  const watcher = scribe();
  const reset = watcher.reset.bind(watcher);
  watcher.reset = (position) => (isFull ? 'full' : reset(position));
  const watching = tail.watch({}, { epoch: 6, number: 3 }, watcher);
  await clock.advance(0);
  t.same(watcher.said, []);
  isFull = false;
  watching.resume();
  await clock.advance(0);
  t.same(watcher.said, [{ reset: { epoch: 7, number: 9 } }]);
});

t.test('a thousand watchers that return read each page once, and those of one session read that session alone', async (t) => {
  const { clock, events, tail } = room(3_000);
  for (let count = 0; count < 10; count += 1) tail.committed([events.commit({ session: OTHER })]);
  const watchers = Array.from({ length: 1_000 }, () => scribe());
  for (const watcher of watchers) tail.watch({}, { epoch: 7, number: 100 }, watcher);
  await clock.advance(0);
  t.ok(watchers.every(({ said }) => said.length === 2_910));
  t.equal(events.reads, 15, 'a page of 100, then of 200 up to 3,000; the rest is in memory');
  events.reads = 0;
  const one = scribe();
  tail.watch({ session: OTHER }, { epoch: 7, number: 0 }, one);
  await clock.advance(0);
  t.same(one.said, numbers(3_001, 3_010));
  t.equal(events.reads, 1);
});

t.test('watchers that are full in the middle of a page go on in the same page', async (t) => {
  const { clock, events, tail } = room(1_000);
  const slow = Array.from({ length: 50 }, (_, index) => {
    let left = 10 + index;
    const watcher = scribe(() => (left-- > 0 ? 'more' : 'full'));
    const watching = tail.watch({ session: SESSION }, { epoch: 7, number: 0 }, watcher);
    return {
      watcher,
      goOn() {
        left = 10 + index;
        watching.resume();
      },
    };
  });
  await clock.advance(0);
  for (let round = 0; round < 100; round += 1) {
    for (const { goOn } of slow) goOn();
    await clock.advance(0);
  }
  t.ok(slow.every(({ watcher }) => watcher.said.length === 1_000));
  t.equal(events.reads, 5);
});

t.test('an event log that cannot be read is read again', async (t) => {
  const { clock, events, log, tail } = room(3);
  const after = events.after.bind(events);
  events.after = async () => {
    throw new Error('disk');
  };
  const late = scribe();
  const live = scribe();
  tail.watch({}, { epoch: 7, number: 0 }, late);
  tail.watch({}, undefined, live);
  events.commit({});
  await clock.advance(1_500);
  t.ok(log.events.every((event) => event === 'tail.read_failed'));
  events.after = after;
  await clock.advance(1_000);
  t.same([late.said, live.said], [[1, 2, 3, 4], [4]]);
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

import t from 'tap';
import { Loops } from '../../../../controller/services/engine/loops.ts';
import { Publisher } from '../../../../controller/services/events/publisher.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { FrailNews } from './frail-news.ts';
import { keptLog } from './kept-log.ts';
import { MemoryLog } from './memory-log.ts';

function room(committed = 0) {
  const clock = new HandClock();
  const events = new MemoryLog();
  const news = new FrailNews();
  const log = keptLog();
  const open = () => new Publisher({ loops: new Loops({ clock, random: systemRandom, log }), events, news, clock, log });
  for (let count = 0; count < committed; count += 1) events.commit({});
  return { clock, events, news, log, open, told: () => news.told.map((event) => event.number) };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

t.test('what was left is published in order at the start, and new events when woken', async (t) => {
  const { clock, events, news, open, told } = room(450);
  const publisher = open();
  publisher.start();
  await clock.advance(0);
  t.same(told(), numbers(1, 450));
  t.equal(news.announced.at(-1), 450);
  events.commit({});
  publisher.wake();
  await clock.advance(0);
  t.equal(told().at(-1), 451);
  t.equal(news.announced.at(-1), 451, 'each batch ends with the newest number');
  await publisher.close();
});

t.test('the mark is kept once a second and at the end, and the next process goes on from it', async (t) => {
  const { clock, events, open, told } = room(2);
  const first = open();
  first.start();
  await clock.advance(500);
  t.equal(events.published(), 0, 'lazily');
  await clock.advance(500);
  t.equal(events.published(), 2);
  events.commit({});
  const closing = first.close();
  await clock.advance(0);
  await closing;
  t.equal(events.published(), 3, 'the last one is published and marked at the close');
  events.commit({});
  const second = open();
  second.start();
  await clock.advance(0);
  t.same(told(), [1, 2, 3, 4]);
  await second.close();
});

t.test('a process that dies before the mark publishes twice, and nothing is lost', async (t) => {
  const { clock, open, told } = room(2);
  open().start();
  await clock.advance(0);
  open().start();
  await clock.advance(0);
  t.same(told(), [1, 2, 1, 2]);
});

t.test('what the connection took with it is published again as soon as there is one', async (t) => {
  const { clock, events, news, open, told } = room();
  const publisher = open();
  publisher.start();
  await clock.advance(0);
  events.commit({});
  publisher.wake();
  const flush = news.flush.bind(news);
  news.flush = async () => {
    news.connect(false);
    return false;
  };
  await clock.advance(0);
  t.same(told(), [1]);
  events.commit({});
  publisher.wake();
  await clock.advance(10_000);
  t.same(told(), [1], 'nothing is tried while there is no connection');
  t.equal(events.published(), 0, 'and nothing is marked that may not have left');
  news.flush = flush;
  news.connect(true);
  await clock.advance(0);
  t.same(told(), [1, 1, 2]);
  await publisher.close();
});

t.test('a bus that refuses is tried again; what is too large for it is left to the event log', async (t) => {
  const { clock, events, news, log, open, told } = room(1);
  events.commit({ data: { tooLarge: true } });
  events.commit({});
  news.refusing = true;
  const publisher = open();
  publisher.start();
  await clock.advance(2_000);
  t.same(told(), []);
  news.refusing = false;
  await clock.advance(1_000);
  t.same(told(), [1, 3]);
  t.same(log.events, ['publisher.too_large']);
  await publisher.close();
});

t.test('it says each second which event is the newest', async (t) => {
  const { clock, news, open } = room(5);
  const publisher = open();
  publisher.start();
  await clock.advance(0);
  news.announced.length = 0;
  await clock.advance(3_000);
  t.same(news.announced, [5, 5, 5]);
  await publisher.close();
  await clock.advance(3_000);
  t.equal(news.announced.length, 3);
});

t.test('an event log that fails is asked again', async (t) => {
  const { clock, events, log, open, told } = room(1);
  const after = events.after.bind(events);
  events.after = () => {
    throw new Error('disk');
  };
  const publisher = open();
  publisher.start();
  await clock.advance(0);
  t.same(log.events, ['publisher.failed']);
  events.after = after;
  await clock.advance(1_000);
  t.same(told(), [1]);
  await publisher.close();
});

t.test('a close is not held up by a bus that does not answer', async (t) => {
  const { clock, news, open } = room(1);
  news.flush = (signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve(false)));
  const publisher = open();
  publisher.start();
  await clock.advance(0);
  const closing = publisher.close();
  await clock.advance(1_000);
  await closing;
  t.pass('closed');
});

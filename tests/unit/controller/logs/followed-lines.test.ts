import t from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import type { LogNews } from '../../../../controller/domain/events/events.ts';
import type { Taken } from '../../../../controller/services/events/watching.ts';
import { FollowedLines } from '../../../../controller/services/logs/followed-lines.ts';
import { NewestLines } from '../../../../controller/services/logs/newest-lines.ts';
import { SPACE } from '../core.ts';

const news = (line: string, at = 1, session = 's'): LogNews => ({
  ...{ spaceId: SPACE, sessionId: session as SessionId, agent: 'a', runId: 'r', stream: 'stdout', line, at, dropped: 0 },
});

/** A watcher with room for as many lines as the test gives it. */
function reader() {
  const shown: LogNews[] = [];
  const told: number[] = [];
  let room = Number.POSITIVE_INFINITY;
  let isOver = false;
  const lines = new FollowedLines(
    {
      log(line): Taken {
        if (room === 0) return 'full';
        room -= 1;
        shown.push(line);
        return 'more';
      },
      lost(count): Taken {
        if (room === 0) return 'full';
        told.push(count);
        return 'more';
      },
      end: () => undefined,
    },
    () => {
      isOver = true;
    },
  );
  return { lines, shown, told, texts: () => shown.map(({ line }) => line), give: (count: number) => (room = count), isOver: () => isOver };
}

t.test('stored lines come first, then live ones, and one that is both comes once', async (t) => {
  const { lines, texts } = reader();
  lines.add(news('both', 2));
  lines.add(news('live', 3));
  t.same(texts(), [], 'nothing before the stored lines are read');
  lines.begin([news('stored', 1), news('both', 2), news('late', 3)], 2);
  lines.add(news('later', 4));
  lines.add(news('late', 3));
  t.same(texts(), ['stored', 'both', 'late', 'live', 'later']);
});

t.test('lines wait for a reader without room, up to a bound; the next line says how many were dropped', async (t) => {
  const { lines, shown, texts, give } = reader();
  give(1);
  lines.begin([news('one'), news('two'), news('three')], 1);
  t.same(texts(), ['one']);
  give(Number.POSITIVE_INFINITY);
  lines.resume();
  t.same(texts(), ['one', 'two', 'three']);
  give(0);
  for (let at = 0; at < 1_000; at += 1) t.equal(lines.add(news(`kept ${at}`)), 'more');
  for (let at = 0; at < 10; at += 1) t.equal(lines.add(news(`lost ${at}`)), 'full');
  give(500);
  lines.resume();
  t.equal(shown.length, 503);
  lines.lost(5);
  lines.add(news('after'));
  give(Number.POSITIVE_INFINITY);
  lines.resume();
  lines.add(news('and on'));
  t.equal(shown.length, 1_005);
  t.same(
    shown.slice(-3).map(({ line, dropped }) => [line, dropped]),
    [
      ['kept 999', 0],
      ['after', 15],
      ['and on', 0],
    ],
  );
});

t.test('what was dropped is told once there is room, where no line follows', async (t) => {
  const { lines, shown, told, give } = reader();
  lines.begin([], 0);
  give(0);
  for (let at = 0; at < 1_200; at += 1) lines.add(news('x'));
  lines.resume();
  t.same(told, []);
  give(Number.POSITIVE_INFINITY);
  lines.resume();
  t.equal(shown.length, 1_000);
  t.same(told, [200]);
  lines.resume();
  t.same(told, [200], 'once');
});

t.test('lines that arrive while stored ones are read are bounded, and the lost ones counted', async (t) => {
  const { lines, shown, told } = reader();
  for (let at = 0; at < 5_000; at += 1) lines.add(news(`early ${at}`));
  lines.begin([], 0);
  t.equal(shown.length, 1_000);
  t.same(told, [4_000]);
});

t.test('the newest lines of many sessions are merged by time, within a number and a size', async (t) => {
  const newest = new NewestLines(1_000);
  t.equal(newest.sinceMs, 0);
  for (let session = 0; session < 500; session += 1)
    newest.add(Array.from({ length: 20 }, (_, at) => news(`${session}.${at}`, at * 500 + session, `s${session}`)));
  t.equal(newest.lines.length, 1_000);
  t.equal(newest.sinceMs, 9_000, 'earlier lines need not be asked for');
  t.same(
    newest.lines.map(({ at }) => at),
    Array.from({ length: 1_000 }, (_, at) => 9_000 + at),
  );
  newest.add(Array.from({ length: 1_000 }, (_, at) => news('x'.repeat(8 * 1024), 20_000 + at)));
  t.ok(newest.lines.length > 500 && newest.lines.length <= 512, `${newest.lines.length} long ones`);
});

t.test('a line that was dropped while the stored ones were read, and is one of them, counts as shown', async (t) => {
  const { lines, texts, told } = reader();
  for (let at = 0; at < 1003; at += 1) lines.add(news(`line ${at}`, at + 1));
  lines.begin([news('line 1000', 1001), news('line 1002', 1003)], 1);
  t.same(texts().length, 1002);
  t.same(told, [1], 'line 1001 alone is lost');
});

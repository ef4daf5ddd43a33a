import t from 'tap';
import { Loop, RETRY } from '../../../../controller/services/engine/loop.ts';
import { Loops } from '../../../../controller/services/engine/loops.ts';
import { prometheusMetrics } from '../../../../seams/prometheus.ts';
import type { Random } from '../../../../seams/random.ts';
import { SeededRandom } from '../../../simulation/world/random.ts';
import { HandClock } from '../../hand-clock.ts';
import { silent } from '../core.ts';

/** Never jitters: a retry comes after the whole delay. */
const steady: Random = { uuid: () => 'id', bytes: (length) => new Uint8Array(length), fraction: () => 1 };

/** A loop whose runs the test ends. */
function rig({ concurrency = 1, random = steady }: { concurrency?: number; random?: Random } = {}) {
  const clock = new HandClock();
  const started: string[] = [];
  const open: { readonly key: string; readonly end: (due?: number) => void; readonly fail: (error: Error) => void }[] = [];
  const loop = new Loop<string>(
    { clock, random },
    {
      concurrency,
      run(key) {
        started.push(key);
        const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
        open.push({ key, end: resolve, fail: reject });
        return promise;
      },
    },
  );
  const end = async (due?: number) => {
    open.shift()?.end(due);
    await clock.advance(0);
  };
  const fail = async () => {
    open.shift()?.fail(new Error('broken'));
    await clock.advance(0);
  };
  return { clock, loop, started, open, end, fail };
}

t.test('a key runs in a turn of its own, and once however often it was woken before', async (t) => {
  const { clock, loop, started, end } = rig();
  for (const key of ['a', 'b', 'a', 'a', 'b']) loop.wake(key);
  t.same(started, [], 'not inside the call that woke it');
  await clock.advance(0);
  t.same(started, ['a'], 'one at a time');
  await end();
  await end();
  t.same(started, ['a', 'b']);
});

t.test('a key that is woken while it runs runs once more, behind the keys that wait', async (t) => {
  const { clock, loop, started, end } = rig();
  loop.wake('a');
  await clock.advance(0);
  loop.wake('b');
  for (let at = 0; at < 3; at += 1) loop.wake('a');
  t.equal(loop.waiting, 2);
  await end();
  await end();
  await end();
  t.same(started, ['a', 'b', 'a']);
  t.equal(loop.waiting, 0);
});

t.test('as many keys run at once as it allows', async (t) => {
  const { clock, loop, started, end } = rig({ concurrency: 3 });
  for (const key of 'abcde') loop.wake(key);
  await clock.advance(0);
  t.same(started, ['a', 'b', 'c']);
  await end();
  t.same(started, ['a', 'b', 'c', 'd']);
});

t.test('the earliest deadline of a key counts, a run takes it away, and its result sets the next', async (t) => {
  const { clock, loop, started, end } = rig();
  loop.after('a', 500);
  loop.after('a', 100);
  loop.after('a', 900);
  await clock.advance(99);
  t.same(started, []);
  await clock.advance(1);
  t.same(started, ['a']);
  await end(300);
  await clock.advance(299);
  t.same(started, ['a'], 'the deadlines before the run are gone');
  await clock.advance(1);
  t.same(started, ['a', 'a']);
  await end(300);
  loop.forget('a');
  await clock.advance(10_000);
  t.equal(started.length, 2);
});

t.test('what is due in a long time is looked at in between: a machine that slept is late by minutes at most', async (t) => {
  const { clock, loop, started } = rig();
  loop.after('a', 2 ** 40);
  await clock.advance(600_000);
  t.same(started, ['a']);
});

t.test('failures are retried with a delay that doubles up to a bound, and begins anew after a success', async (t) => {
  const { clock, loop, started, end, fail } = rig();
  loop.wake('a');
  await clock.advance(0);
  for (const delayMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    const before = started.length;
    await fail();
    await clock.advance(delayMs - 1);
    t.equal(started.length, before, `nothing for ${delayMs} ms`);
    await clock.advance(1);
    t.equal(started.length, before + 1);
  }
  await end();
  loop.wake('a');
  await clock.advance(0);
  await fail();
  await clock.advance(RETRY.firstMs);
  t.equal(started.length, 10);
  loop.wake('a');
  await fail();
  loop.wake('a');
  loop.after('a', 5);
  await clock.advance(2 * RETRY.firstMs - 1);
  t.equal(started.length, 10, 'news waits for the retry, so that what keeps failing costs little however often it is woken');
  await clock.advance(1);
  t.equal(started.length, 11);
  await fail();
  const settled = loop.settled('a');
  await clock.advance(0);
  t.equal(started.length, 12, 'but for who asks for a run now');
  await end();
  await settled;
});

t.test('the delay of a retry is between half of it and all of it', async (t) => {
  for (const fraction of [0, 0.999]) {
    const { clock, loop, started, fail } = rig({ random: { ...steady, fraction: () => fraction } });
    loop.wake('a');
    await clock.advance(0);
    await fail();
    await clock.advance(RETRY.firstMs * (0.5 + fraction / 2) - 1);
    t.equal(started.length, 1);
    await clock.advance(2);
    t.equal(started.length, 2);
  }
});

t.test('a run that throws before it returns counts as failed', async (t) => {
  const clock = new HandClock();
  let runs = 0;
  const run = () => {
    runs += 1;
    if (runs === 1) throw new Error('at once');
    return undefined;
  };
  const loop = new Loop<'a'>({ clock, random: steady }, { run });
  await Promise.all([loop.settled('a'), clock.advance(0)]);
  t.equal(runs, 1);
  await clock.advance(1_000);
  t.equal(runs, 2);
});

t.test('settled waits for a run that began after the call', async (t) => {
  const { clock, loop, open, end } = rig();
  loop.wake('a');
  await clock.advance(0);
  let isSettled = false;
  const settled = loop.settled('a').then(() => {
    isSettled = true;
  });
  await end();
  t.notOk(isSettled, 'the run that was under way may have looked before');
  t.equal(open.length, 1);
  await end();
  await settled;
});

t.test('settled does not wait for the retry of a run that was under way and failed', async (t) => {
  const { clock, loop, started, end, fail } = rig();
  loop.wake('a');
  await clock.advance(0);
  const settled = loop.settled('a');
  await fail();
  t.equal(started.length, 2);
  await end();
  await settled;
});

t.test('many keys that are done at once leave turns of the event loop to others', async (t) => {
  const clock = new HandClock();
  let runs = 0;
  const run = () => {
    runs += 1;
    return undefined;
  };
  const loop = new Loop<string>({ clock, random: steady }, { run, concurrency: 2 });
  for (const key of 'abcde') loop.wake(key);
  const between: number[] = [];
  const look = () => {
    between.push(runs);
    if (runs < 5) clock.soon(look);
  };
  clock.soon(look);
  await clock.advance(0);
  t.same(between, [2, 4, 5]);
});

t.test('close waits for what runs, aborts its signal, and leaves no timer', async (t) => {
  const clock = new HandClock();
  const { promise, resolve } = Promise.withResolvers<number>();
  let runs = 0;
  let signal: AbortSignal | undefined;
  const loop = new Loop<string>(
    { clock, random: steady },
    {
      run(_key, closing) {
        runs += 1;
        signal = closing;
        return promise;
      },
    },
  );
  loop.wake('a');
  await clock.advance(0);
  loop.wake('a');
  loop.wake('b');
  loop.after('c', 100);
  const unheard = loop.settled('d');
  let isClosed = false;
  const closed = loop.close().then(() => {
    isClosed = true;
  });
  t.ok(signal?.aborted);
  await clock.advance(1_000);
  t.notOk(isClosed);
  resolve(5);
  await closed;
  await Promise.all([unheard, loop.settled('e'), loop.close()]);
  loop.wake('f');
  loop.after('f', 5);
  t.equal(clock.timers, 0);
  await clock.advance(1_000);
  t.equal(runs, 1);
});

t.test('whatever comes in whatever order, no run of a key overlaps another, and none is lost', async (t) => {
  let failures = 0;
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = new SeededRandom(seed);
    const upTo = (most: number) => Math.floor(random.fraction() * most);
    const clock = new HandClock();
    const keys = ['a', 'b', 'c', 'd', 'e'];
    /** What changed of each key, and what its last completed run has seen. */
    const changed = new Map<string, number>();
    const seen = new Map<string, number>();
    const running = new Set<string>();
    let runs = 0;
    const concurrency = 1 + upTo(3);
    const loop = new Loop<string>(
      { clock, random },
      {
        concurrency,
        run(key) {
          if (running.has(key) || running.size >= concurrency) t.fail(`seed ${seed}: ${key} runs beside ${[...running]}`);
          runs += 1;
          const version = changed.get(key) ?? 0;
          const end = () => {
            running.delete(key);
            if (upTo(4) === 0) {
              failures += 1;
              throw new Error('broken');
            }
            seen.set(key, version);
            return upTo(5) === 0 ? upTo(50) : undefined;
          };
          running.add(key);
          const takesMs = upTo(20);
          return takesMs < 5 ? end() : new Promise((resolve, reject) => void clock.after(takesMs, () => attempt(end, resolve, reject)));
        },
      },
    );
    let woken = 0;
    for (let step = 0; step < 60; step += 1) {
      const key = keys[upTo(keys.length)] ?? 'a';
      changed.set(key, (changed.get(key) ?? 0) + 1);
      woken += 1;
      if (upTo(2) === 0) loop.wake(key);
      else loop.after(key, upTo(30));
      if (upTo(3) === 0) await clock.advance(upTo(10));
    }
    await clock.advance(200_000);
    for (const [key, version] of changed) t.equal(seen.get(key), version, `seed ${seed}: the last change of ${key} was seen`);
    t.ok(runs <= 2 * woken + 200, 'no key runs on and on');
    if (upTo(2) === 0) for (const key of keys) loop.wake(key);
    const closed = loop.close();
    await clock.advance(1_000);
    await closed;
    t.equal(clock.timers, 0);
    t.equal(running.size, 0);
  }
  t.ok(failures > 500, 'it failed often enough to tell');
});

t.test('loops count their runs and failures, and log each failure once', async (t) => {
  const clock = new HandClock();
  const metrics = prometheusMetrics({ processMetrics: false });
  const lines: unknown[] = [];
  const loops = new Loops({ clock, random: steady, metrics, log: { ...silent, error: (event, fields) => lines.push([event, fields]) } });
  let isBroken = true;
  const run = () => {
    if (isBroken) throw new Error('broken');
    return undefined;
  };
  const plain = loops.open<'x'>({ name: 'plain', run });
  const told: unknown[] = [];
  const own = loops.open<'y'>({ name: 'own', run, failed: (error, { key, inARow }) => told.push([error, key, inARow]) });
  plain.wake('x');
  own.wake('y');
  t.match(await metrics.text(), /raworc_loop_waiting_keys\{loop="plain"\} 1/);
  await clock.advance(0);
  isBroken = false;
  await clock.advance(1_000);
  t.same(lines, [['loop.failed', { loop: 'plain', key: 'x', error: 'broken', retry_ms: 1_000 }]]);
  t.same(told, [['broken', 'y', 1]]);
  const text = await metrics.text();
  t.match(text, /raworc_loop_failures_total\{loop="plain"\} 1/);
  t.match(text, /raworc_loop_run_seconds_count\{loop="own"\} 2/);
  await loops.close();
  plain.wake('x');
  t.equal(clock.timers, 0);
});

function attempt<Value>(work: () => Value, resolve: (value: Value) => void, reject: (error: unknown) => void): void {
  try {
    resolve(work());
  } catch (error) {
    reject(error);
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { RefusedError } from '../../../../controller/domain/engine/outcome.ts';
import { rowsWithin } from '../../../../controller/store/sqlite/reader/bounded-rows.ts';
import { MAX_WAITING, MAX_WAITING_BYTES, Reader } from '../../../../controller/store/sqlite/reader/reader.ts';
import type { Clock } from '../../../../seams/clock.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../core.ts';

/** Restarts happen when the test says so. */
interface HandClock extends Clock {
  readonly delaysMs: number[];
  /** Runs what waits, once something does. */
  next(): Promise<void>;
}

function handClock(): HandClock {
  const delaysMs: number[] = [];
  const waiting: (() => void)[] = [];
  let wake: () => void = () => undefined;
  return {
    ...{ now: systemClock.now, monotonic: systemClock.monotonic, soon: systemClock.soon, delaysMs },
    after(delayMs, run) {
      delaysMs.push(delayMs);
      waiting.push(run);
      wake();
      return { cancel: () => undefined };
    },
    async next() {
      if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      waiting.shift()?.();
    },
  };
}

function openReader(t: Test, clock: Clock = systemClock): Reader {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-reader-'));
  const path = join(directory, 'x.db');
  const database = new Database(path);
  database.exec('create table t (n integer primary key); insert into t values (1), (2), (3)');
  database.close();
  const reader = new Reader({ path, clock, log: silent, heapMib: 64 });
  // The thread alone keeps no process alive.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(async () => {
    clearInterval(alive);
    await reader.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return reader;
}

const NUMBERS = { sql: 'select n from t order by n', parameters: [] };
/** More than the heap of the thread. */
const DEADLY = {
  sql: `with recursive n(x) as (select 1 union all select x + 1 from n limit 200) select printf('%.1000000c', 'x') from n`,
  parameters: [],
};
/** The code that a read is refused with. */
const codeOf = (read: Promise<unknown>): Promise<string> =>
  read.then(
    () => 'none',
    (error: unknown) => (error instanceof RefusedError ? error.refusal.code : String(error)),
  );

t.test('a thread that dies fails its reads with UNAVAILABLE, and the next one serves', async (t) => {
  const clock = handClock();
  const reader = openReader(t, clock);
  const codes = Promise.all([DEADLY, NUMBERS, NUMBERS, NUMBERS].map((query) => codeOf(reader.read([query]))));
  t.same(await codes, ['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE']);
  t.equal(reader.isUp, false, 'which /health counts');
  t.equal(await codeOf(reader.read([NUMBERS])), 'UNAVAILABLE', 'refused at once meanwhile');
  await clock.next();
  t.equal(reader.isUp, true);
  t.same(await reader.read([NUMBERS]), [[{ n: 1 }, { n: 2 }, { n: 3 }]]);
});

t.test('it is started again the later the more often it died, until it has served', async (t) => {
  const clock = handClock();
  const reader = openReader(t, clock);
  for (const delays of [[100], [100, 200]]) {
    await codeOf(reader.read([DEADLY]));
    t.same(clock.delaysMs, delays);
    await clock.next();
  }
  await reader.read([NUMBERS]);
  await codeOf(reader.read([DEADLY]));
  t.same(clock.delaysMs, [100, 200, 100]);
});

t.test('a statement that fails is a fault of its own read alone', async (t) => {
  const reader = openReader(t);
  await t.rejects(reader.read([{ sql: 'select n from nowhere', parameters: [] }]), /no such table/);
  t.equal((await reader.read([NUMBERS])).length, 1);
});

t.test('past its bounds in reads and in bytes, a read is refused with RATE_LIMITED', async (t) => {
  const reader = openReader(t);
  const many = Array.from({ length: MAX_WAITING }, () => reader.read([NUMBERS]));
  t.equal(await codeOf(reader.read([NUMBERS])), 'RATE_LIMITED');
  t.equal((await Promise.all(many)).length, MAX_WAITING, 'those before it are read');
  const large = { sql: 'select length(?) as length', parameters: ['x'.repeat(MAX_WAITING_BYTES / 8)] };
  const few = Array.from({ length: 3 }, () => reader.read([large]));
  t.equal(await codeOf(reader.read([large])), 'RATE_LIMITED');
  await Promise.all(few);
  t.same(await reader.read([large]), [[{ length: MAX_WAITING_BYTES / 8 }]], 'and there is room again');
});

t.test('rows end before their JSON exceeds the bound, and are not read any further', (t) => {
  let read = 0;
  function* rows(text: string, count: number) {
    for (read = 1; read <= count; read += 1) yield { text };
  }
  const size = (text: string) => Buffer.byteLength(JSON.stringify({ text }));
  for (const text of ['x'.repeat(1000), '\u0001'.repeat(1000), 'ü'.repeat(1000), '"'.repeat(1000)]) {
    const kept = rowsWithin(rows(text, 100), 10 * size(text));
    t.equal(kept.length, 10, text.slice(0, 1));
    t.equal(read, 11, 'one more than fit');
    t.equal(rowsWithin(rows(text, 9), 10 * size(text)).length, 9);
    t.equal(rowsWithin(rows(text, 9), 1).length, 2, 'the first two in any case');
  }
  t.end();
});

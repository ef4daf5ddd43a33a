import t from 'tap';
import { Journal, JournalFull, JournalPoisoned } from '../../../journal/journal.ts';
import { SimulatedDisk, seeded } from './simulated-disk.ts';

const text = (record: Uint8Array) => Buffer.from(record).toString();
const record = (value: string) => Buffer.from(value);
const open = (disk: SimulatedDisk, allocateBytes = 512) => Journal.open({ disk, directory: '/j', name: 'log', allocateBytes });

t.test('appended records are there in order after reopening', async (t) => {
  const disk = new SimulatedDisk();
  const first = await open(disk);
  t.same(first.records, []);
  for (const value of ['one', '', 'three']) await first.journal.append(record(value));
  await first.journal.close();
  const second = await open(disk);
  t.same(second.records.map(text), ['one', '', 'three']);
  await second.journal.compact([record('all')]);
  await second.journal.append(record('more'));
  await second.journal.close();
  const third = await open(disk);
  t.same(third.records.map(text), ['all', 'more']);
  await third.journal.close();
});

t.test('concurrent appends share one sync', async (t) => {
  const { journal } = await open(new SimulatedDisk());
  await journal.append(record('alone'));
  t.equal(journal.syncs, 1);
  await Promise.all(['a', 'b', 'c'].map((value) => journal.append(record(value))));
  t.equal(journal.syncs, 2);
  await journal.close();
  await t.rejects(journal.append(record('late')), /closed/);
});

/** What may be found: everything acknowledged, and after it a prefix of what else was asked for. */
interface Possible {
  readonly acknowledged: string[];
  readonly asked: string[];
}
const allows = ({ acknowledged, asked }: Possible, found: readonly string[]) =>
  found.length >= acknowledged.length && found.every((value, index) => value === asked[index]);

t.test('acknowledged records survive any crash, with at most a prefix of those in progress', async (t) => {
  for (let seed = 1; seed <= 400; seed += 1) {
    const fraction = seeded(seed);
    const disk = new SimulatedDisk();
    let possible: Possible[] = [{ acknowledged: [], asked: [] }];
    let next = 0;
    for (let life = 0; life < 8; life += 1) {
      let steps = Math.floor(fraction() * (fraction() < 0.3 ? 4 : 30));
      disk.onOperation = () => {
        steps -= 1;
        if (steps === 0) disk.killProcess();
      };
      try {
        const { journal, records } = await open(disk);
        const found = records.map(text);
        if (!possible.some((one) => allows(one, found))) return t.fail(`seed ${seed}, life ${life}`, { found, possible });
        let now: Possible = { acknowledged: found, asked: [...found] };
        possible = [now];
        for (let turn = 0; turn < 12; turn += 1) {
          if (fraction() < 0.3) {
            const kept = now.asked.slice(-3);
            const compacted = { acknowledged: [...kept], asked: [...kept] };
            possible = [now, compacted];
            await journal.compact(kept.map(record));
            now = compacted;
            possible = [now];
          }
          const values = Array.from({ length: 1 + Math.floor(fraction() * 3) }, () =>
            `${next++}:`.padEnd(Math.floor(fraction() * 40), 'x'),
          );
          now.asked.push(...values);
          await Promise.all(values.map((value) => journal.append(record(value)).then(() => now.acknowledged.push(value))));
        }
      } catch (fault) {
        if (!/gone|disk failed/.test(String(fault))) throw fault;
      }
      disk.onOperation = () => undefined;
      if (fraction() < 0.5) disk.cutPower(fraction);
      else disk.killProcess();
    }
  }
  t.pass('400 schedules');
});

t.test('nothing is acknowledged after a failed sync', async (t) => {
  const disk = new SimulatedDisk();
  const { journal } = await open(disk);
  await journal.append(record('good'));
  disk.onOperation = (operation) => {
    if (operation === 'sync') throw new Error('EIO');
  };
  await t.rejects(journal.append(record('bad')), JournalPoisoned);
  disk.onOperation = () => undefined;
  await t.rejects(journal.append(record('after')), JournalPoisoned);
  await t.rejects(journal.compact([]), JournalPoisoned);
  await journal.close();
  disk.cutPower(() => 0.99);
  const again = await open(disk);
  t.same(again.records.map(text), ['good']);
  await again.journal.close();
});

t.test('a journal on a full disk uses its allocation, refuses more, and has room again after a compaction', async (t) => {
  const disk = new SimulatedDisk();
  const { journal } = await open(disk, 512);
  disk.capacityBytes = 1024;
  const big = 'b'.repeat(380);
  await journal.append(record(big));
  const results = await Promise.allSettled([journal.append(record(big)), journal.append(record('small'))]);
  t.match(results, [{ status: 'rejected', reason: JournalFull }, { status: 'fulfilled' }]);
  await journal.compact([record('small')]);
  await journal.append(record(big));
  await journal.close();
  const again = await open(disk, 512);
  t.same(again.records.map(text), ['small', big]);
  await again.journal.close();
});

t.test('records that belong together are written with one sync, and refused together', async (t) => {
  const disk = new SimulatedDisk();
  const { journal } = await open(disk, 512);
  disk.capacityBytes = 1024;
  await journal.appendAll([record('a'), record('b')]);
  t.equal(journal.syncs, 1);
  await t.rejects(journal.appendAll([record('small'), record('b'.repeat(500))]), JournalFull);
  await t.rejects(journal.appendAll([record('b'.repeat(500)), record('small')]), JournalFull);
  await t.rejects(journal.appendAll([record('s'), record('t')], 480), JournalFull, 'what is kept free comes after all of them');
  await journal.append(record('c'));
  await journal.close();
  const again = await open(disk, 512);
  t.same(again.records.map(text), ['a', 'b', 'c']);
  await again.journal.close();
});

t.test('a journal grows beyond its allocation while there is room', async (t) => {
  const disk = new SimulatedDisk();
  const { journal } = await open(disk, 128);
  const values = Array.from({ length: 50 }, (_, index) => `${index}`.padEnd(index * 3, '.'));
  for (const value of values) await journal.append(record(value));
  await journal.close();
  t.ok(journal.allocatedBytes >= journal.usedBytes);
  const again = await open(disk, 128);
  t.same(again.records.map(text), values);
  await again.journal.close();
});

t.test('a damaged record ends the journal, and everything before it is kept', async (t) => {
  const disk = new SimulatedDisk();
  const { journal } = await open(disk);
  for (const value of ['one', 'two', 'three']) await journal.append(record(value));
  await journal.close();
  const file = [...disk.files.values()].find((one) => Buffer.from(one.seen).includes('three'));
  if (!file) return t.fail('no file');
  file.seen[Buffer.from(file.seen).indexOf('two')] = 0x78;
  const again = await open(disk);
  t.same(again.records.map(text), ['one']);
  await again.journal.append(record('TWO'));
  await again.journal.close();
  const third = await open(disk);
  t.same(third.records.map(text), ['one', 'TWO'], 'what stood behind the damage does not come back');
  await third.journal.close();
});

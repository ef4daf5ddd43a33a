import t from 'tap';
import { Journal, JournalFull, JournalPoisoned } from '../../journal/journal.ts';
import { SimulatedDisk, seeded } from './simulated-disk.ts';

const text = (record: Uint8Array) => Buffer.from(record).toString();
const record = (value: string) => Buffer.from(value);
const open = (disk: SimulatedDisk, allocateBytes = 512) => Journal.open({ disk, directory: '/j', name: 'log', allocateBytes });

t.test('what was appended is there after opening again, in order', async (t) => {
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

t.test('appends made together share one sync, and one alone takes one', async (t) => {
  const { journal } = await open(new SimulatedDisk());
  await journal.append(record('alone'));
  t.equal(journal.syncs, 1);
  await Promise.all(['a', 'b', 'c'].map((value) => journal.append(record(value))));
  t.equal(journal.syncs, 2);
  await journal.close();
  await t.rejects(journal.append(record('late')), /closed/);
});

t.test('whatever was acknowledged survives any crash, and nothing else appears but a prefix of what was under way', async (t) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const fraction = seeded(seed);
    const disk = new SimulatedDisk();
    let acknowledged: string[] = [];
    let asked: string[] = [];
    let next = 0;
    for (let life = 0; life < 6; life += 1) {
      let steps = Math.floor(fraction() * 30);
      disk.onOperation = () => {
        steps -= 1;
        if (steps === 0) disk.killProcess();
      };
      try {
        const { journal, records } = await open(disk);
        const found = records.map(text);
        t.same(found.slice(0, acknowledged.length), acknowledged, `seed ${seed}, life ${life}: kept`);
        if (JSON.stringify(found) !== JSON.stringify(asked.slice(0, found.length)))
          t.fail(`seed ${seed}: ${found} is no prefix of ${asked}`);
        acknowledged = found;
        asked = [...found];
        for (let turn = 0; turn < 12; turn += 1) {
          if (fraction() < 0.2) {
            const kept = asked.slice(-3);
            const before = { acknowledged, asked };
            // Until it is acknowledged either content may be found: the test looks at each in turn.
            await journal.compact(kept.map(record)).catch(async (fault) => {
              disk.onOperation = () => undefined;
              if (fraction() < 0.5) disk.cutPower(fraction);
              const after = await open(disk);
              const now = after.records.map(text);
              const old =
                JSON.stringify(now) === JSON.stringify(before.asked.slice(0, now.length)) && now.length >= before.acknowledged.length;
              if (!old) t.same(now, kept, `seed ${seed}: a compaction is all or nothing`);
              acknowledged = now;
              asked = [...now];
              disk.killProcess();
              throw fault;
            });
            acknowledged = kept;
            asked = [...kept];
          }
          const values = Array.from({ length: 1 + Math.floor(fraction() * 3) }, () =>
            `${next++}:`.padEnd(Math.floor(fraction() * 40), 'x'),
          );
          asked.push(...values);
          await Promise.all(values.map((value) => journal.append(record(value)).then(() => acknowledged.push(value))));
        }
      } catch (fault) {
        if (!/gone|disk failed/.test(String(fault))) throw fault;
      }
      disk.onOperation = () => undefined;
      if (fraction() < 0.6) disk.cutPower(fraction);
      else disk.killProcess();
    }
  }
});

t.test('after a failed sync nothing is acknowledged any more', async (t) => {
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

t.test('a full disk takes what was allocated, refuses more, and takes it again after a compaction', async (t) => {
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

t.test('a journal grows past what was allocated while there is room', async (t) => {
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

t.test('damage ends the journal there and keeps everything before', async (t) => {
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

import t from 'tap';
import { DiskWatch, lowMark } from '../../../../controller/services/engine/disk-watch.ts';
import type { Log } from '../../../../seams/log.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

function rig(lowBytes?: number) {
  const disk: { freeBytes: number; totalBytes: number; fault?: Error } = { freeBytes: 10 * GIB, totalBytes: 100 * GIB };
  const lines: [string, string][] = [];
  const note = (level: string) => (event: string) => void lines.push([level, event]);
  const log: Log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  const watch = new DiskWatch({
    directory: '/data',
    async freeSpace() {
      if (disk.fault !== undefined) throw disk.fault;
      return disk;
    },
    lowBytes,
    log,
  });
  const at = async (freeBytes: number) => {
    disk.freeBytes = freeBytes;
    await watch.look();
    return watch.refusal();
  };
  return { disk, lines, watch, at };
}

t.test('the mark is 256 MiB, 2 % of a small disk, or what is set', async (t) => {
  t.equal(lowMark({ freeBytes: 0, totalBytes: 1000 * GIB }, undefined), 256 * MIB);
  t.equal(lowMark({ freeBytes: 0, totalBytes: 5 * GIB }, undefined), 0.02 * 5 * GIB);
  t.equal(lowMark({ freeBytes: 0, totalBytes: 100 * MIB }, undefined), 16 * MIB);
  t.equal(lowMark({ freeBytes: 0, totalBytes: 100 * MIB }, 5), 5);
});

t.test('below the mark it refuses with what to do, says so once, and recovers by itself some way above', async (t) => {
  const { lines, watch, at } = rig();
  t.equal(await at(300 * MIB), undefined);
  t.match(await at(200 * MIB), /200 MiB are free, .* needs 320 MiB .*Free disk space on the controller/);
  await at(100 * MIB);
  t.ok(watch.isLow);
  t.ok(await at(300 * MIB), 'not back and forth');
  t.equal(await at(330 * MIB), undefined);
  t.same(lines, [
    ['error', 'disk.low'],
    ['info', 'disk.recovered'],
  ]);
});

t.test('images stop well before clients are refused', async (t) => {
  const { watch, at } = rig();
  t.notOk(watch.isTightForImages, 'before the first look');
  t.equal(await at(1025 * MIB), undefined);
  t.notOk(watch.isTightForImages);
  t.equal(await at(1023 * MIB), undefined);
  t.ok(watch.isTightForImages);
  const unbounded = rig(0);
  await unbounded.at(0);
  t.notOk(unbounded.watch.isTightForImages);
});

t.test('0 turns it off, and a disk that cannot be asked changes nothing', async (t) => {
  t.equal(await rig(0).at(0), undefined);
  const { disk, lines, watch, at } = rig();
  await at(MIB);
  disk.fault = new Error('no such file system');
  await watch.look();
  await watch.look();
  t.ok(watch.isLow);
  t.same(lines, [
    ['error', 'disk.low'],
    ['warn', 'disk.unknown'],
  ]);
});

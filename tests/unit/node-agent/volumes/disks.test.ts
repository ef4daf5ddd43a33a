import t from 'tap';
import { Conditions } from '../../../../node-agent/conditions.ts';
import { chooseDisks, type DiskKind } from '../../../../node-agent/domain/disk-choice.ts';
import { type Counted, isCountDue, isFull } from '../../../../node-agent/domain/disk-use.ts';
import { type Command, runCommand } from '../../../../node-agent/volumes/command.ts';
import { DiskSpace } from '../../../../node-agent/volumes/disk-space.ts';
import { DiskWatch, type WatchedDisk } from '../../../../node-agent/volumes/disk-watch.ts';
import { Turns } from '../../../../node-agent/volumes/turns.ts';
import { usedBytes } from '../../../../node-agent/volumes/usage.ts';
import type { Clock } from '../../../../seams/clock.ts';
import { systemClock } from '../../../../seams/system.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

t.test('the first kind of disk that works is chosen; one that the operator demands works or is refused', async (t) => {
  const attempt = (works: readonly DiskKind[]) => async (kind: DiskKind) => (works.includes(kind) ? undefined : `no ${kind}`);
  t.same(await chooseDisks('auto', attempt(['quota', 'image', 'measured'])), { ok: true, kind: 'image', because: [] });
  t.same(await chooseDisks('auto', attempt(['quota', 'measured'])), { ok: true, kind: 'measured', because: ['no image'] }, 'never a quota');
  t.same(await chooseDisks('auto', attempt(['quota'])), { ok: false, reason: 'no image no measured' });
  t.same(await chooseDisks('quota', attempt(['quota', 'image'])), { ok: true, kind: 'quota', because: [] });
  t.same(await chooseDisks('image', attempt(['quota', 'measured'])), { ok: false, reason: 'no image' });
  t.same(await chooseDisks('measured', attempt(['image', 'measured'])), { ok: true, kind: 'measured', because: [] });
});

t.test('a disk is full until it has clearly more room, in bytes and in files', async (t) => {
  t.equal(isFull({ bytes: 0, files: 1000 }, false), true);
  t.equal(isFull({ bytes: 2 * MIB, files: 1000 }, false), false);
  t.equal(isFull({ bytes: 2 * MIB, files: 1000 }, true), true);
  t.equal(isFull({ bytes: 5 * MIB, files: 1000 }, true), false);
  t.equal(isFull({ bytes: GIB, files: 0 }, false), true);
});

t.test(
  'a directory is counted again after a while, sooner where the host lost as much as it may have written, and never all the time',
  async (t) => {
    const counted: Counted = { left: { bytes: 100, files: 1000 }, atMs: 0, tookMs: 10, hostFreeBytes: 5000 };
    t.equal(isCountDue(undefined, 0, 0), true);
    t.equal(isCountDue(counted, 5000, 4950), false);
    t.equal(isCountDue(counted, 5000, 4900), true);
    t.equal(isCountDue(counted, 10_000, 5000), true);
    t.equal(isCountDue({ ...counted, tookMs: 1000 }, 10_000, 5000), false, 'one that is dear to count is counted less often');
    t.equal(isCountDue({ ...counted, tookMs: 6000 }, 10_000, 0), false);
  },
);

/** A clock that a test moves. */
function handClock(): Clock & { ms: number } {
  const clock = {
    ms: 0,
    now: () => clock.ms,
    monotonic: () => clock.ms,
    after: () => ({ cancel: () => undefined }),
    soon: () => ({ cancel: () => undefined }),
  };
  return clock;
}

function watched(disk: Omit<WatchedDisk, 'wasStopped'>) {
  const clock = handClock();
  const lines: string[] = [];
  const note = (event: string) => void lines.push(event);
  const state = { left: { bytes: 10 * MIB, files: 1000 }, up: true, wasStopped: false };
  const told: string[] = [];
  const watch = new DiskWatch({
    running: async () => (state.up ? [{ ...disk, wasStopped: state.wasStopped }] : []),
    left: async () => state.left,
    directory: '/',
    freeSpace: async () => ({ freeBytes: 100 * GIB, totalBytes: 200 * GIB }),
    changed: (_, full) => void told.push(full ? 'full' : 'room'),
    exceeded: (_, used) => {
      state.wasStopped = true;
      told.push(`exceeded ${used / MIB}`);
    },
    inOrder: () => {
      state.wasStopped = false;
    },
    clock,
    log: { debug: note, info: note, warn: note, error: note },
  });
  const look = async (bytes: number, afterMs = 70_000) => {
    clock.ms += afterMs;
    state.left = { bytes, files: 1000 };
    await watch.look();
  };
  return { look, state, told, lines };
}

t.test('a full disk is said once, and once when it has room again; what is bounded is never stopped', async (t) => {
  const { look, told, lines, state } = watched({ session: 's', isBounded: true, bytes: 100 * MIB });
  for (const bytes of [50 * MIB, 0, 0, 2 * MIB, 50 * MIB, 0]) await look(bytes);
  t.same(told, ['full', 'room', 'full']);
  t.same(lines, ['session.disk-full', 'session.disk-room', 'session.disk-full']);
  state.up = false;
  await look(0);
  state.up = true;
  await look(0);
  t.same(told.slice(3), ['full'], 'a new container is another time');
});

t.test('a disk that is filled and cleared again and again is said to be full once a minute', async (t) => {
  const { look, told, lines } = watched({ session: 's', isBounded: true, bytes: 100 * MIB });
  for (let looks = 0; looks < 24; looks += 1) await look(looks % 2 === 0 ? 0 : 50 * MIB, 5_000);
  t.same(told, ['full', 'room', 'full', 'room'], 'in two minutes');
  t.equal(lines.length, 4);
});

t.test('what is only measured is stopped when it exceeds its limit; one that begins beyond it gets time to make room', async (t) => {
  const { look, told, state } = watched({ session: 's', isBounded: false, bytes: 100 * MIB });
  await look(-10 * MIB);
  t.same(told, ['full', 'exceeded 110'], 'nothing is given to one that wrote it all before it was looked at');
  told.length = 0;
  await look(50 * MIB);
  t.same(told, ['room']);
  told.length = 0;
  await look(-20 * MIB);
  t.same(told, ['full', 'exceeded 120']);
  state.up = false;
  await look(0);
  state.up = true;
  told.length = 0;
  await look(-20 * MIB);
  await look(-21 * MIB);
  t.same(told, ['full'], 'it was recovered, and may go on for now');
  await look(-60 * MIB);
  t.same(told, ['full', 'exceeded 160'], 'but takes nothing more');
  told.length = 0;
  await look(-20 * MIB);
  await look(50 * MIB);
  await look(-1 * MIB);
  t.same(told, ['room', 'full', 'exceeded 101'], 'once it is within its limit, that holds again');
  state.up = false;
  await look(0);
  state.up = true;
  told.length = 0;
  await look(-20 * MIB);
  await look(-20 * MIB, 700_000);
  t.same(told, ['full', 'exceeded 120'], 'nor for ever');
});

t.test('a disk that cannot be looked at is said once, and keeps no other from being watched', async (t) => {
  const lines: string[] = [];
  const note = (event: string, fields = {}) => void lines.push(`${event} ${JSON.stringify(fields)}`);
  const told: string[] = [];
  const disk = { isBounded: false, bytes: 100, wasStopped: false };
  const watch = new DiskWatch({
    running: async () => [
      { ...disk, session: 'odd' },
      { ...disk, session: 'greedy' },
    ],
    async left({ session }) {
      if (session === 'odd') throw new Error('it cannot be counted');
      return { bytes: -1, files: 1 };
    },
    directory: '/',
    freeSpace: async () => ({ freeBytes: 100 * GIB, totalBytes: 200 * GIB }),
    changed: () => undefined,
    exceeded: ({ session }) => void told.push(session),
    inOrder: () => undefined,
    clock: handClock(),
    log: { debug: note, info: note, warn: note, error: note },
  });
  await watch.look();
  await watch.look();
  t.same(told, ['greedy', 'greedy']);
  t.same(
    lines.filter((line) => line.startsWith('disk.unwatched')),
    ['disk.unwatched {"session":"odd","error":"it cannot be counted"}'],
  );
});

t.test('what a session takes up is counted though files vanish while they are counted', async (t) => {
  const asked: unknown[] = [];
  const run: Command = async (_program, _args, options) => {
    asked.push(options?.mayExitWith);
    return '4096\tdirectory\n';
  };
  t.equal(await usedBytes(run, 'directory'), 4096);
  t.same(asked, [1]);
  t.equal(await runCommand('sh', ['-c', 'echo 4096; exit 1'], { mayExitWith: 1 }), '4096\n');
  await t.rejects(runCommand('sh', ['-c', 'echo 4096; exit 2'], { mayExitWith: 1 }));
  await t.rejects(runCommand('sh', ['-c', 'echo 4096; exit 1']));
});

t.test('a disk of the host that runs low keeps placements away, gives the ledger its reserve, and is over by itself', async (t) => {
  const lines: string[] = [];
  const note = (event: string) => void lines.push(event);
  const log = { debug: note, info: note, warn: note, error: note };
  const conditions = new Conditions(systemClock, log);
  let freeBytes = 10 * GIB;
  const reserve: string[] = [];
  const space = new DiskSpace({
    ...{ directory: '/data', lowBytes: 2 * GIB, conditions, clock: handClock(), log },
    freeSpace: async () => {
      if (freeBytes < 0) throw new Error('no such disk');
      return { freeBytes, totalBytes: 100 * GIB };
    },
    reserve: { release: async () => void reserve.push('released'), take: async () => void reserve.push('taken') },
  });
  const look = async (bytes: number) => {
    freeBytes = bytes;
    await space.look();
    return conditions.unschedulable();
  };
  t.equal(await look(3 * GIB), undefined);
  t.match(await look(1.5 * GIB), /\/data has about 1536 MiB left, less than 2048 MiB/);
  t.match(await look(1.4 * GIB), /1408 MiB/);
  t.match(await look(2.1 * GIB), /left/, 'a little more room is not enough');
  t.match(await look(-1), /left/, 'while nobody can say, what was said stands');
  t.equal(await look(3 * GIB), undefined);
  t.same(reserve, ['released', 'taken']);
  t.same(lines, ['node.condition', 'disk-space.unknown', 'node.condition-over']);
});

t.test('work on one disk follows one another, also after a failure; on different disks it does not wait', async (t) => {
  const turns = new Turns();
  const done: string[] = [];
  let letGo: () => void = () => undefined;
  const first = turns.take('a', () => new Promise<void>((resolve) => (letGo = resolve)).then(() => Promise.reject(new Error('failed'))));
  const second = turns.take('a', async () => void done.push('second'));
  await turns.take('b', async () => void done.push('other'));
  t.same(done, ['other']);
  letGo();
  await t.rejects(first, /failed/);
  await second;
  await turns.idle();
  t.same(done, ['other', 'second']);
});

import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import t from 'tap';
import { ByteTurns } from '../../../../controller/services/budget/byte-turns.ts';

const CHUNK = 64 * 1024;
const GIBIBYTE = 1024 ** 3;
const TURN = 64 * 1024;

/** A clock whose turns the test takes one by one. */
class Turns {
  readonly #due: (() => void)[] = [];

  nowMs = 0;
  readonly #resting: (() => void)[] = [];

  monotonic(): number {
    return this.nowMs;
  }

  soon(run: () => void) {
    this.#due.push(run);
    return { cancel: () => undefined };
  }

  after(_delayMs: number, run: () => void) {
    this.#resting.push(run);
    return { cancel: () => undefined };
  }

  get isResting(): boolean {
    return this.#resting.length > 0;
  }

  rest(): void {
    for (const run of this.#resting.splice(0)) run();
  }

  get isDue(): boolean {
    return this.#due.length > 0;
  }

  next(): void {
    for (const run of this.#due.splice(0)) run();
  }
}

/** Whatever the streams do at once. */
const settled = async () => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

t.test('however many layers are read at once, a turn passes a bounded part of them, and each gets its share', async (t) => {
  const clock = new Turns();
  const turns = new ByteTurns({ clock, isInUse: () => false });
  const passed = Array.from({ length: 32 }, () => 0);
  const ends = passed.map((_, at) => {
    const layer = Readable.from(Array.from({ length: 8 }, () => Buffer.alloc(CHUNK)));
    const through = layer.pipe(turns.through());
    through.on('data', (chunk: Buffer) => {
      passed[at] = (passed[at] ?? 0) + chunk.byteLength;
    });
    return finished(through);
  });
  const sum = () => passed.reduce((all, bytes) => all + bytes, 0);
  await settled();
  t.equal(sum(), TURN);
  for (let before = sum(); sum() < 32 * 8 * CHUNK; before = sum()) {
    if (before === 64 * TURN) t.ok(Math.min(...passed) >= CHUNK, 'nobody waits until others are done');
    clock.next();
    await settled();
    t.ok(sum() - before <= TURN && sum() > before);
  }
  await Promise.all(ends);
  clock.next();
  t.notOk(clock.isDue, 'it rests when nothing passes');
});

t.test('a layer whose reader has gone holds up no other', async (t) => {
  const clock = new Turns();
  const turns = new ByteTurns({ clock, isInUse: () => false });
  const [gone, kept] = [turns.through(), turns.through()];
  gone.on('error', () => undefined);
  let bytes = 0;
  kept.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
  });
  gone.write(Buffer.alloc(TURN));
  gone.write(Buffer.alloc(TURN));
  kept.write(Buffer.alloc(CHUNK));
  gone.destroy(new Error('gone'));
  for (let turn = 0; turn < 3; turn += 1) {
    await settled();
    clock.next();
  }
  await settled();
  t.equal(bytes, CHUNK);
});

t.test('while clients wait, each turn is followed by a rest once the burst is used up', async (t) => {
  const clock = new Turns();
  let isInUse = true;
  const turns = new ByteTurns({ clock, isInUse: () => isInUse, burst: { bytes: GIBIBYTE, perMs: 16_000 } });
  const through = turns.through();
  let bytes = 0;
  through.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
  });
  const gibibyte = Buffer.alloc(GIBIBYTE);
  through.write(gibibyte);
  await settled();
  t.equal(bytes, GIBIBYTE);
  t.ok(clock.isResting, 'the burst was used up by this turn');
  clock.rest();
  for (let chunk = 0; chunk < 4; chunk += 1) through.write(Buffer.alloc(CHUNK));
  await settled();
  t.equal(bytes, GIBIBYTE + TURN);
  t.notOk(clock.isDue, 'the next turn of the event loop is for others');
  isInUse = false;
  clock.rest();
  await settled();
  t.equal(bytes, GIBIBYTE + 2 * TURN);
  t.ok(clock.isDue && !clock.isResting, 'without clients, the next turn is at once');
  isInUse = true;
  clock.next();
  await settled();
  t.ok(clock.isResting);
  clock.nowMs += 60_000;
  clock.rest();
  await settled();
  t.notOk(clock.isResting, 'after a minute, there is a burst again');
});

t.test('single chunks take turns too, and without a burst there is a rest after each turn', async (t) => {
  const clock = new Turns();
  const turns = new ByteTurns({ clock, isInUse: () => true });
  const passed: number[] = [];
  const uploads = [0, 1, 2].map(async (upload) => {
    await turns.wait(CHUNK);
    passed.push(upload);
  });
  for (const expected of [[0], [0, 1], [0, 1, 2]]) {
    await settled();
    t.same(passed, expected);
    t.ok(clock.isResting && !clock.isDue);
    clock.rest();
  }
  await Promise.all(uploads);
});

import type { Test } from 'tap';
import type { Bus } from '../../../../controller/bus/bus.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string) => encoder.encode(text);

/** All that the first published has reached the second's listeners: they hear in order, so also what it says to itself last. */
async function arrived(bus: Bus, other: Bus): Promise<boolean> {
  return (await bus.flush()) && (await other.flush());
}

/** What every bus must do. `open` gives two connected ones, as of two processes, whose bound is `maxPendingBytes`. */
export async function busSuite(t: Test, open: (t: Test, maxPendingBytes?: number) => Promise<readonly [Bus, Bus]>): Promise<void> {
  await t.test('what is published arrives in order, after publish has returned', async (t) => {
    const [bus, other] = await open(t);
    const seen: string[] = [];
    other.subscribe('a.b', (subject, payload) => seen.push(`${subject}=${decoder.decode(payload)}`));
    t.ok(await other.flush(), 'it listens');
    for (let number = 0; number < 100; number += 1) t.ok(bus.publish('a.b', bytes(String(number))));
    t.same(seen, [], 'not within publish');
    t.ok(await arrived(bus, other));
    t.same(
      seen,
      Array.from({ length: 100 }, (_, number) => `a.b=${number}`),
    );
  });

  await t.test('nothing comes back to who published it', async (t) => {
    const [bus, other] = await open(t);
    const seen: string[] = [];
    bus.subscribe('a', () => seen.push('mine'));
    other.subscribe('a', () => seen.push('theirs'));
    t.ok(await other.flush(), 'it listens');
    t.ok(bus.publish('a', bytes('x')));
    t.ok(await arrived(bus, other));
    t.same(seen, ['theirs']);
  });

  await t.test('wildcards', async (t) => {
    const [bus, other] = await open(t);
    const subjects = ['a', 'a.b', 'a.c', 'a.b.c', 'b.b', 'a.b.c.d'];
    const table: Record<string, string[]> = {
      a: ['a'],
      'a.b': ['a.b'],
      'a.*': ['a.b', 'a.c'],
      '*.b': ['a.b', 'b.b'],
      'a.>': ['a.b', 'a.c', 'a.b.c', 'a.b.c.d'],
      '>': subjects,
      'a.*.c': ['a.b.c'],
      '*.*.>': ['a.b.c', 'a.b.c.d'],
    };
    const seen: Record<string, string[]> = {};
    for (const pattern of Object.keys(table)) {
      seen[pattern] = [];
      other.subscribe(pattern, (subject) => seen[pattern]?.push(subject));
    }
    t.ok(await other.flush(), 'it listens');
    for (const subject of subjects) bus.publish(subject, bytes('x'));
    t.ok(await arrived(bus, other));
    t.same(seen, table);
  });

  await t.test('a closed subscription gets nothing, others go on', async (t) => {
    const [bus, other] = await open(t);
    const seen: string[] = [];
    const first = other.subscribe('a', () => seen.push('first'));
    other.subscribe('a', () => seen.push('second'));
    t.ok(await other.flush(), 'it listens');
    bus.publish('a', bytes('x'));
    t.ok(await arrived(bus, other));
    first.close();
    t.ok(await other.flush(), 'it listens');
    bus.publish('a', bytes('x'));
    t.ok(await arrived(bus, other));
    t.same(seen.toSorted(), ['first', 'second', 'second']);
  });

  await t.test('a listener that throws harms nobody', async (t) => {
    const [bus, other] = await open(t);
    const seen: string[] = [];
    other.subscribe('a', () => {
      throw new Error('on purpose');
    });
    other.subscribe('a', (_, payload) => seen.push(decoder.decode(payload)));
    t.ok(await other.flush(), 'it listens');
    bus.publish('a', bytes('1'));
    bus.publish('a', bytes('2'));
    t.ok(await arrived(bus, other));
    t.same(seen, ['1', '2']);
  });

  await t.test('what is too large is refused, and counted', async (t) => {
    const [bus, other] = await open(t);
    const seen: number[] = [];
    other.subscribe('a', (_, payload) => seen.push(payload.byteLength));
    t.ok(await other.flush(), 'it listens');
    t.notOk(bus.publish('a', new Uint8Array(bus.maxPayloadBytes + 1)));
    t.ok(bus.publish('a', new Uint8Array(bus.maxPayloadBytes)));
    t.ok(await arrived(bus, other));
    t.same(seen, [bus.maxPayloadBytes]);
    t.equal(bus.refused, 1);
  });

  await t.test('past the bound it refuses, until what was taken has left', async (t) => {
    const [bus, other] = await open(t, 1000);
    let seen = 0;
    other.subscribe('a', () => {
      seen += 1;
    });
    let taken = 0;
    t.ok(await other.flush(), 'it listens');
    while (bus.publish('a', new Uint8Array(100))) taken += 1;
    t.equal(taken, 10);
    t.equal(bus.refused, 1);
    t.ok(await arrived(bus, other));
    t.equal(seen, 10, 'all that was taken arrived');
    t.ok(bus.publish('a', new Uint8Array(100)));
  });

  await t.test('after close nothing is taken or delivered', async (t) => {
    const [bus, other] = await open(t);
    const seen: string[] = [];
    other.subscribe('a', (_, payload) => seen.push(decoder.decode(payload)));
    t.ok(await other.flush(), 'it listens');
    bus.publish('a', bytes('1'));
    const flushing = bus.flush();
    await bus.close();
    t.notOk(await flushing);
    t.notOk(bus.publish('a', bytes('2')));
    t.notOk(await bus.flush());
    t.notOk(bus.connected);
    t.same(seen, []);
  });

  await t.test('a flush ends when its signal does', async (t) => {
    const [bus] = await open(t);
    t.notOk(await bus.flush(AbortSignal.abort()));
    bus.publish('a', bytes('1'));
    const controller = new AbortController();
    const flushing = bus.flush(controller.signal);
    controller.abort();
    t.notOk(await flushing);
  });
}

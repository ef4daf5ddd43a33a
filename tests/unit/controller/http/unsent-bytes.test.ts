import t from 'tap';
import type { AccountId } from '../../../../controller/domain/engine/ids.ts';
import { UnsentBytes } from '../../../../controller/http/events/unsent-bytes.ts';
import { Turns } from '../../../../controller/services/budget/turns.ts';
import { HandClock } from '../../hand-clock.ts';

const A = 'account-a' as AccountId;
const B = 'account-b' as AccountId;
const C = 'account-c' as AccountId;

t.test('unsent bytes are bounded for each account and in all, and those who wait are woken in turn', async (t) => {
  const clock = new HandClock();
  const unsent = new UnsentBytes(clock, { maxBytes: 100, maxOfAccountBytes: 60 });
  const woken: string[] = [];
  const take = (account: AccountId, name: string, bytes: number) => {
    if (unsent.hasRoom(account, bytes)) unsent.change(account, bytes);
    else
      unsent.whenRoom(account, bytes, () => {
        woken.push(name);
        take(account, name, bytes);
      });
  };
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) take(A, name, 20);
  t.equal(unsent.bytes, 60, 'an account has no more than its share');
  for (const name of ['b1', 'b2', 'b3']) take(B, name, 20);
  t.equal(unsent.bytes, 100, 'and all no more than the whole');
  take(C, 'c1', 50);
  t.equal(unsent.bytes, 150, 'but one that has nothing moves');
  take(C, 'c2', 10);
  await clock.advance(0);
  t.same(woken, []);
  unsent.change(C, -50);
  await clock.advance(0);
  t.same(woken, ['c2']);
  unsent.change(A, -60);
  await clock.advance(0);
  t.same(woken, ['c2', 'a4', 'b3']);
  unsent.change(B, -60);
  await clock.advance(0);
  t.same(woken, ['c2', 'a4', 'b3', 'a5']);
  t.equal(unsent.bytes, 50);
  const never = () => woken.push('never');
  unsent.change(A, 20);
  unsent.whenRoom(A, 60, never);
  unsent.forget(A, never);
  unsent.change(A, -60);
  unsent.change(C, -10);
  await clock.advance(0);
  t.equal(woken.length, 4);
  t.equal(unsent.bytes, 0);
});

t.test('who is woken and has nothing more to say keeps nobody else waiting', async (t) => {
  const clock = new HandClock();
  const unsent = new UnsentBytes(clock, { maxBytes: 100, maxOfAccountBytes: 60 });
  const woken: number[] = [];
  unsent.change(A, 60);
  for (let number = 0; number < 200; number += 1) unsent.whenRoom(A, 50, () => woken.push(number));
  await clock.advance(0);
  t.same(woken, []);
  unsent.change(A, -60);
  await clock.advance(0);
  t.same(
    woken,
    Array.from({ length: 200 }, (_, index) => index),
  );
});

t.test('turns are bounded in all and for each key, and given in the order of asking', async (t) => {
  const turns = new Turns(3);
  const { signal } = new AbortController();
  const key = (name: string) => [{ key: name, most: 2 }];
  const a1 = await turns.wait(key('a'), signal);
  const a2 = await turns.wait(key('a'), signal);
  t.ok(a1 && a2);
  t.notOk(turns.hasPlace(key('a')), 'two of a key');
  t.notOk(turns.hasPlace([...key('b'), ...key('a')]), 'whatever else it counts for');
  t.ok(turns.hasPlace(key('b')));
  const b1 = await turns.wait(key('b'), signal);
  t.ok(b1);
  const order: string[] = [];
  const wait = (name: string, given = signal) =>
    turns.wait(key(name.slice(0, 1)), given).then((end) => {
      order.push(end === undefined ? `${name} left` : name);
      return end;
    });
  const leaving = new AbortController();
  const a3 = wait('a3');
  const gone = wait('b2', leaving.signal);
  const c1 = wait('c1');
  leaving.abort();
  await gone;
  b1?.();
  b1?.();
  await c1;
  t.same(order, ['b2 left', 'c1'], 'who cannot have a turn keeps nobody else from it');
  a1?.();
  await a3;
  t.same(order, ['b2 left', 'c1', 'a3']);
  t.equal(await turns.wait(key('a'), AbortSignal.abort()), undefined);
});

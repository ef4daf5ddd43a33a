import t from 'tap';
import type { AccountId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { Budgets } from '../../../../controller/services/budget/budgets.ts';
import { budgetNames, parseLimits } from '../../../../controller/services/budget/limits.ts';
import type { Payer } from '../../../../controller/services/budget/payer.ts';
import { MAX_BUCKETS, RateTable } from '../../../../controller/services/budget/rate-table.ts';

class HandClock {
  now = 0;
  monotonic = (): number => this.now;
}

const account = (name: string, more: Partial<Payer> = {}): Payer => ({ account: name as AccountId, standing: 'member', ...more });

t.test('three accounts of two spaces that hold all the uploads they can keep out nobody else', (t) => {
  const budgets = new Budgets({ clock: new HandClock() });
  const payer = (name: string, space: string) => account(name, { space: space as SpaceId });
  let held = 0;
  for (const one of [payer('a', 's'), payer('b', 's'), payer('c', 't')]) while (budgets.take('uploads', one).ok) held += 1;
  t.equal(held, 7, 'three each, and four of one space');
  t.ok(budgets.take('uploads', payer('d', 'u')).ok);
  t.end();
});

t.test('a rate allows its burst at once and then so many a second, and a refusal charges nothing', (t) => {
  const clock = new HandClock();
  const budgets = new Budgets({ clock, limits: parseLimits('requests.account=10/50') });
  const spent = (payer: Payer, attempts: number) =>
    Array.from({ length: attempts }, () => budgets.charge('requests', payer)).filter(({ ok }) => ok).length;
  t.equal(spent(account('a'), 500), 50);
  t.equal(spent(account('b'), 500), 50, 'another account has its own');
  clock.now += 1000;
  t.equal(spent(account('a'), 500), 10, 'what was refused a moment ago was not charged');
  const refusal = budgets.charge('requests', account('a'));
  t.match(refusal, {
    ok: false,
    refusal: {
      code: 'RATE_LIMITED',
      message: /Your account has too many requests: at most 10 per second\. Retry in 1 s\./,
      details: { budget: 'requests', scope: 'account', per_second: 10, burst: 50, retry_after_s: 1 },
    },
  });
  t.match(budgets.left('requests', account('a')), { budget: 'requests', scope: 'account', remaining: 0, fullInS: 5 });
  budgets.giveBack('requests', account('a'), 3);
  t.match(budgets.left('requests', account('a')), { remaining: 3 });
  clock.now += 60_000;
  t.match(budgets.left('requests', account('a')), { remaining: 50, fullInS: 0 }, 'no more than the burst is saved up');
  t.end();
});

t.test('each scope counts for itself: an API key, a space and an address end before the account does', (t) => {
  const clock = new HandClock();
  const limits = parseLimits('changes.account=100/100, changes.key=10/10, changes.space=20/20');
  const budgets = new Budgets({ clock, limits });
  const scopeOf = (payer: Payer, attempts: number) => {
    const refused = Array.from({ length: attempts }, () => budgets.charge('changes', payer)).find(({ ok }) => !ok);
    return refused?.ok === false ? refused.refusal.details : undefined;
  };
  t.match(scopeOf(account('a', { key: 'k' }), 11), { scope: 'key' });
  t.equal(scopeOf(account('a'), 20), undefined, 'the account goes on without that key');
  const space = 's' as SpaceId;
  t.equal(scopeOf(account('b', { space }), 10), undefined);
  t.match(scopeOf(account('c', { space }), 11), { scope: 'space' }, 'all accounts in a space share its budget');
  t.equal(scopeOf(account('c'), 10), undefined);
  t.end();
});

t.test('however many addresses ask, the table is bounded, and none of them gets a new bucket by it', (t) => {
  const table = new RateTable({ perSecond: 1, burst: 2 });
  table.charge('guesser', 2, 0);
  for (let index = 0; index < MAX_BUCKETS + 20_000; index += 1) table.charge(`2001:db8:${index}::/64`, 1, 1);
  t.ok(table.size <= MAX_BUCKETS + 1);
  t.ok(table.waitMs('guesser', 1, 1) > 900, 'the one who filled it is still known');
  t.ok(table.waitMs('newcomer', 1, 1) > 0, 'those who found no room share a bucket');
  t.equal(table.waitMs('2001:db8:0::/64', 1, 1), 0, 'and those who were there keep their own');
  for (let at = 0; at < 3; at += 1) table.charge('later', 1, 1e9 + at * 2000);
  t.ok(table.size < 10, 'full buckets are forgotten');
  t.end();
});

t.test('places at once: an account, an outsider, those who hold few, and the reserve of admins', (t) => {
  const limits = parseLimits(
    'streams.at_once.process=2000, streams.at_once.account=1200, streams.at_once.admins=100, streams.at_once.few=400, streams.at_once.outsider=10',
  );
  const budgets = new Budgets({ clock: new HandClock(), limits });
  const take = (payer: Payer, attempts: number) =>
    Array.from({ length: attempts }, () => budgets.take('streams', payer)).filter(({ ok }) => ok).length;
  t.equal(take(account('nobody', { standing: 'outsider' }), 5000), 10, 'an account without a role');
  t.equal(take(account('a'), 5000), 1200);
  t.equal(take(account('b'), 5000), 290, 'up to what is reserved for those who hold few');
  t.equal(take(account('c'), 10), 10);
  t.equal(take(account('c'), 10), 0, 'who has ten does not hold few');
  t.equal(take(account('d', { standing: 'outsider' }), 1), 0, 'none of the reserves is for an outsider');
  for (let index = 0; index < 39; index += 1) take(account(`e${index}`), 10);
  t.equal(budgets.held('streams'), 1900);
  t.equal(take(account('f'), 1), 0);
  t.equal(take(account('root', { standing: 'admin' }), 5000), 100, 'an admin gets in while others flood');
  t.match(budgets.take('streams', account('f')), { refusal: { details: { budget: 'streams', scope: 'process', retry_after_s: 5 } } });
  t.end();
});

t.test('what was held is released once, however often that is asked for, and what grows is released as a whole', (t) => {
  const budgets = new Budgets({ clock: new HandClock(), limits: parseLimits('upload_spool_bytes.at_once.account=100') });
  const place = budgets.take('uploads', account('a'));
  if (!place.ok) return t.fail('no place');
  place.value();
  place.value();
  t.equal(budgets.held('uploads'), 0);
  const spool = budgets.open('upload_spool_bytes', account('a'));
  t.ok(spool.grow(60).ok);
  t.ok(spool.grow(40).ok);
  t.notOk(spool.grow(1).ok);
  t.equal(budgets.held('upload_spool_bytes'), 100);
  spool.release();
  spool.release();
  t.equal(budgets.held('upload_spool_bytes'), 0);
  t.end();
});

t.test('every number is a setting, and one that is misspelt is named', (t) => {
  for (const name of budgetNames()) {
    const { rates, atOnce } = parseLimits(`${name}=7`);
    const [budget = '', scope = '', atOnceScope = ''] = name.split('.');
    const set: object = scope === 'at_once' ? Object(Object(atOnce)[budget]) : Object(Object(rates)[budget]);
    t.same(Object(set)[scope === 'at_once' ? atOnceScope : scope], scope === 'at_once' ? 7 : { perSecond: 7, burst: 28 }, name);
  }
  t.throws(() => parseLimits('request.account=7'), /"request\.account=7" is not a budget.*requests\.account/);
  t.throws(() => parseLimits('streams.at_once.account=7/9'), /is not a budget/);
  t.throws(() => parseLimits('requests.account=0'), /positive integers/);
  t.throws(() => parseLimits('requests.account=lots'), /positive integers/);
  t.end();
});

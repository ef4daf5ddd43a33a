import t, { type Test } from 'tap';
import { recordLogin } from '../../../../controller/domain/access/commands/logins.ts';
import { accepted, type Outcome } from '../../../../controller/domain/engine/outcome.ts';
import { KeyUse } from '../../../../controller/services/access/key-use.ts';
import { accountService } from '../../../../controller/services/access/login-service.ts';
import { LoginThrottle } from '../../../../controller/services/access/login-throttle.ts';
import { RightsCache } from '../../../../controller/services/access/rights.ts';
import type { Clock } from '../../../../seams/clock.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { ACCOUNT, openCore } from '../core.ts';

/** Returns a function that logs in, with the password's check as given. */
async function openLogin(t: Test, clock: Clock, verify: () => Promise<Outcome<boolean>>) {
  const core = await openCore();
  t.teardown(() => core.close());
  const { applier, store } = core;
  const service = accountService({
    applier,
    view: store.view,
    rights: new RightsCache(store.view),
    keyUse: new KeyUse(applier, clock),
    passwords: { hash: async () => accepted(''), verify },
    throttle: new LoginThrottle(clock),
    clock,
    metrics: silentMetrics,
  });
  await applier.apply(recordLogin(ACCOUNT));
  const user = store.view.get('accounts', ACCOUNT)?.user ?? '';
  const actor = { type: 'Anonymous', id: null, name: null } as const;
  const by = {
    actor,
    credential: null,
    address: '192.0.2.1',
    requestId: 'r',
    action: 'login',
    thing: { kind: 'service-accounts', ref: null, space: null },
  } as const;
  return () => service.login(user, 'a password', '192.0.2.1', by);
}

t.test('a login that the store fails gives back its turn', async (t) => {
  let isBroken = false;
  const login = await openLogin(t, systemClock, async () => {
    if (isBroken) throw new Error('no memory for another hash');
    return accepted(true);
  });
  isBroken = true;
  const both = await Promise.allSettled([login(), login()]);
  t.match(both, [{ status: 'rejected' }, { status: 'rejected' }], 'nobody waits behind one that failed');
  isBroken = false;
  t.match(await login(), { ok: true });
});

t.test('a refused attempt is answered late, and a bounded number of them wait', async (t) => {
  const clock = new HandClock();
  const login = await openLogin(t, clock, async () => accepted(false));
  // Until the next attempt is refused: delayed ones end when time passes.
  for (let failure = 0; failure < 8; failure += 1) {
    const attempt = login();
    for (let waited = 0; waited < 3; waited += 1) {
      await new Promise(setImmediate);
      await clock.advance(1000);
    }
    t.match(await attempt, { ok: false, refusal: { code: 'UNAUTHORIZED' } });
  }
  let answered = 0;
  const refused = () => login().then(() => (answered += 1));
  const first = refused();
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  await clock.advance(1900);
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  t.equal(answered, 0, 'not before two seconds');
  await clock.advance(100);
  await first;

  const many = Array.from({ length: 1200 }, refused);
  answered = 0;
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  t.ok(answered > 0, `${answered} of 1,200 are answered at once`);
  t.ok(answered <= 1200 - 1024, `${answered} of 1,200 are answered at once`);
  await clock.advance(2000);
  await Promise.all(many);
});

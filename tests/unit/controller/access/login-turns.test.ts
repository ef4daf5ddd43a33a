import t from 'tap';
import { recordLogin } from '../../../../controller/domain/access/commands/logins.ts';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import { KeyUse } from '../../../../controller/services/access/key-use.ts';
import { accountService } from '../../../../controller/services/access/login-service.ts';
import { LoginThrottle } from '../../../../controller/services/access/login-throttle.ts';
import { RightsCache } from '../../../../controller/services/access/rights.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { ACCOUNT, openCore } from '../core.ts';

t.test('a login that the store fails gives back its turn', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const { applier, store } = core;
  let isBroken = false;
  const service = accountService({
    applier,
    view: store.view,
    rights: new RightsCache(store.view),
    keyUse: new KeyUse(applier, systemClock),
    passwords: {
      hash: async () => accepted(''),
      async verify() {
        if (isBroken) throw new Error('no memory for another hash');
        return accepted(true);
      },
    },
    throttle: new LoginThrottle(systemClock),
    clock: systemClock,
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
  const login = () => service.login(user, 'right', '192.0.2.1', by);
  isBroken = true;
  const both = await Promise.allSettled([login(), login()]);
  t.match(both, [{ status: 'rejected' }, { status: 'rejected' }], 'nobody waits behind one that failed');
  isBroken = false;
  t.match(await login(), { ok: true });
});

import t from 'tap';
import { ADMIN_ROLE_ID, BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { createAccount } from '../../../../controller/domain/access/commands/accounts.ts';
import { createBinding, removeBinding } from '../../../../controller/domain/access/commands/role-bindings.ts';
import { createRole } from '../../../../controller/domain/access/commands/roles.ts';
import type { AccountId } from '../../../../controller/domain/engine/ids.ts';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import { serviceAccountService } from '../../../../controller/services/access/account-service.ts';
import { LoginThrottle } from '../../../../controller/services/access/login-throttle.ts';
import { RightsCache } from '../../../../controller/services/access/rights.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { openCore } from '../core.ts';

const ANN = '00000000-0000-4000-8000-00000000000a' as AccountId;
const BOB = '00000000-0000-4000-8000-00000000000b' as AccountId;

t.test('a right that is taken away while a password is being hashed sets none, and makes no account', async (t) => {
  const { applier, store, close } = await openCore();
  t.teardown(close);
  const rights = new RightsCache(store.view);
  applier.onCommitted((committed) => rights.committed(committed));
  const rules = BUILT_IN_ROLES.find(({ id }) => id === ADMIN_ROLE_ID)?.rules ?? [];
  await applier.apply(createRole({ id: 'all', name: 'all', description: null, rules }));
  for (const [id, user] of [
    [ANN, 'ann'],
    [BOB, 'bob'],
  ] as const)
    await applier.apply(createAccount({ id, user, passwordHash: 'before', description: null }));
  const bind = () =>
    applier.apply(
      createBinding({
        id: 'b',
        roleId: 'all',
        principal: 'ann',
        principalType: 'ServiceAccount',
        accountId: ANN,
        spaceId: null,
      }),
    );
  const hash = async () => {
    await applier.apply(removeBinding('b'));
    return accepted('after');
  };
  const never = () => {
    throw new Error('is not asked');
  };
  const service = serviceAccountService({
    ...{ applier, view: store.view, random: systemRandom, rights },
    lists: {
      ...{
        rows: never,
        sandboxes: never,
        sessions: never,
        sessionRows: never,
        messages: never,
        countMessages: never,
        hops: never,
        sourceInUse: never,
        sessionsWithLogs: never,
      },
      countSessions: never,
      ...{ audit: never, auditAfter: never, auditCutoffs: never },
    },
    passwords: { hash, verify: never },
    throttle: new LoginThrottle(systemClock),
  });
  for (const ask of ['changePassword', 'create'] as const) {
    await bind();
    const ann = rights.callerOf({ kind: 'token', tokenId: '', accountId: ANN, version: 1, expiresAtMs: 9e15 });
    if (ann === undefined) throw new Error('she is there');
    const answer =
      ask === 'create'
        ? await service.create(ann, { user: 'new', pass: 'x' })
        : await service.changePassword(ann, BOB, { new_password: 'x' });
    t.match(answer, { ok: false, refusal: { code: 'FORBIDDEN' } }, ask);
  }
  t.equal(store.view.get('accounts', BOB)?.passwordHash, 'before');
  t.equal(store.view.accountByUser('new'), undefined);
});

import t, { type Test } from 'tap';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { createAccount, setPassword } from '../../../../controller/domain/access/commands/accounts.ts';
import { createBinding, removeBinding } from '../../../../controller/domain/access/commands/role-bindings.ts';
import type { AccountId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import type { Proof } from '../../../../controller/services/access/proof.ts';
import { RightsCache } from '../../../../controller/services/access/rights.ts';
import { ACCOUNT, newSession, openCore, SPACE } from '../core.ts';

const ANN = '00000000-0000-4000-8000-00000000000a' as AccountId;
const S = '00000000-0000-4000-8000-00000000000c' as SessionId;
const developer = BUILT_IN_ROLES.find(({ name }) => name === 'developer')?.id ?? '';
const proof: Proof = { kind: 'token', tokenId: 'one', accountId: ANN, version: 1, expiresAtMs: 9e15 };

async function open(t: Test) {
  const core = await openCore();
  t.teardown(() => core.close());
  const rights = new RightsCache(core.store.view);
  core.applier.onCommitted((committed) => rights.committed(committed));
  const bind = (id: string) =>
    createBinding({
      ...{ id, roleId: developer, principal: 'ann', principalType: 'ServiceAccount', accountId: ANN, spaceId: SPACE },
    });
  await core.applier.apply(createAccount({ id: ANN, user: 'ann', passwordHash: 'x', description: null }));
  await core.applier.apply(bind('first'));
  const ann = rights.callerOf(proof);
  if (ann === undefined) throw new Error('ann is not there');
  return { core, rights, ann, bind };
}

const made = (by = { accountId: ANN, user: 'ann' }) => newSession({ id: S, by });

t.test('a command that was judged before its caller lost a right, and comes after it in the queue, is not decided', async (t) => {
  const { core, ann } = await open(t);
  const [, created] = await Promise.all([core.applier.submit(removeBinding('first')), core.applier.submit(made(), ann)]);
  t.match(created, { ok: false, refusal: { code: 'RATE_LIMITED', stale: true } });
  t.equal(core.store.view.get('sessions', S), undefined);
});

t.test('nor one of an account whose credentials are ended before its turn', async (t) => {
  const { core, ann } = await open(t);
  const [, created] = await Promise.all([core.applier.submit(setPassword(ANN, 'y')), core.applier.submit(made(), ann)]);
  t.match(created, { ok: false, refusal: { stale: true } });
});

t.test('one that comes before, and one of a caller whose rights stay, are decided', async (t) => {
  const { core, ann, rights, bind } = await open(t);
  const [created] = await Promise.all([core.applier.submit(made(), ann), core.applier.submit(removeBinding('first'))]);
  t.match(created, { ok: true });
  const other = '00000000-0000-4000-8000-00000000000d' as SessionId;
  const admin = rights.callerOf({ ...proof, accountId: ACCOUNT });
  if (admin === undefined) return t.fail('there is no admin');
  const by = { accountId: ACCOUNT, user: 'admin' };
  const [, kept] = await Promise.all([core.applier.submit(bind('second')), core.applier.submit(newSession({ id: other, by }), admin)]);
  t.match(kept, { ok: true }, 'rights of somebody else');
  t.match(await core.applier.submit(removeBinding('second'), rights.callerOf({ ...proof, accountId: ACCOUNT })), { ok: true });
});

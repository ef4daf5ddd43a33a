import t, { type Test } from 'tap';
import { changeAccount, createAccount, removeAccount, setPassword } from '../../../../controller/domain/access/commands/accounts.ts';
import { createApiKey, removeApiKey } from '../../../../controller/domain/access/commands/api-keys.ts';
import { recordLogin } from '../../../../controller/domain/access/commands/logins.ts';
import { createBinding, removeBinding } from '../../../../controller/domain/access/commands/role-bindings.ts';
import { createRole, removeRole } from '../../../../controller/domain/access/commands/roles.ts';
import { revokeToken } from '../../../../controller/domain/access/commands/tokens.ts';
import type { AccountId } from '../../../../controller/domain/engine/ids.ts';
import type { Proof } from '../../../../controller/services/access/proof.ts';
import { RightsCache, type RightsChange } from '../../../../controller/services/access/rights.ts';
import { ACCOUNT, openCore, SPACE } from '../core.ts';
import { countedView } from '../engine/counted-view.ts';

const ANN = '00000000-0000-4000-8000-00000000000a' as AccountId;
const BOB = '00000000-0000-4000-8000-00000000000b' as AccountId;
const tokenOf = (accountId: AccountId, version = 1, tokenId = 'one'): Proof => ({
  kind: 'token',
  tokenId,
  accountId,
  version,
  expiresAtMs: 9e15,
});

/** Two accounts that hold a role each in a space, and what is told of changes; reads of the store are counted. */
async function open(t: Test) {
  const core = await openCore();
  t.teardown(() => core.close());
  const { view, countReads } = countedView(core.store.view);
  const rights = new RightsCache(view);
  core.applier.onCommitted((committed) => rights.committed(committed));
  const told: RightsChange[] = [];
  rights.onChanged((change) => told.push(change));
  const apply = core.applier.apply.bind(core.applier);
  for (const [id, user] of [
    [ANN, 'ann'],
    [BOB, 'bob'],
  ] as const) {
    await apply(createAccount({ id, user, passwordHash: 'x', description: null }));
    const rules = [{ api_groups: ['*'], resources: ['sessions'], verbs: ['list'] }];
    await apply(createRole({ id: `role-${user}`, name: `role-${user}`, description: null, rules }));
    await apply(
      createBinding({
        id: `binding-${user}`,
        roleId: `role-${user}`,
        principal: user,
        principalType: 'ServiceAccount',
        accountId: id,
        spaceId: SPACE,
      }),
    );
  }
  const mayList = (proof: Proof) => rights.callerOf(proof)?.permissions.allows('sessions', 'list', SPACE);
  for (const id of [ANN, BOB]) t.ok(mayList(tokenOf(id)));
  told.length = 0;
  return { rights, apply, told, mayList, countReads };
}

t.test('what is known costs no read, and a commit forgets just what it changed', async (t) => {
  const { apply, told, mayList, countReads } = await open(t);
  t.same(
    countReads(() => mayList(tokenOf(ANN))),
    [true, 0],
  );
  await apply(removeBinding('binding-ann'));
  t.same(told, [{ accounts: new Set([ANN]), tokens: new Set(), keys: new Set() }]);
  t.equal(mayList(tokenOf(ANN)), false);
  t.same(
    countReads(() => mayList(tokenOf(BOB))),
    [true, 0],
    'another’s is still known',
  );
  await apply(removeRole('role-bob'));
  t.match(told.at(-1), { accounts: new Set([BOB]) });
  t.equal(mayList(tokenOf(BOB)), false);
});

t.test('a login changes nobody’s rights', async (t) => {
  const { apply, told, mayList, countReads } = await open(t);
  await apply(recordLogin(ANN));
  t.same(told, []);
  t.same(
    countReads(() => mayList(tokenOf(ANN))),
    [true, 0],
  );
});

t.test('tokens end with the password, the account’s activity, the account, and by themselves', async (t) => {
  const { apply, told, rights } = await open(t);
  await apply(revokeToken('one', 9e15));
  t.match(told, [{ tokens: new Set(['one']) }]);
  t.equal(rights.callerOf(tokenOf(ANN)), undefined);
  t.ok(rights.callerOf(tokenOf(ANN, 1, 'two')));
  await apply(setPassword(ANN, 'y'));
  t.equal(rights.callerOf(tokenOf(ANN, 1, 'two')), undefined);
  t.ok(rights.callerOf(tokenOf(ANN, 2, 'two')));
  await apply(changeAccount(ANN, { active: false }, ACCOUNT));
  await apply(changeAccount(ANN, { active: true }, ACCOUNT));
  t.equal(rights.callerOf(tokenOf(ANN, 2, 'two')), undefined);
  await apply(removeAccount(BOB, ACCOUNT));
  t.equal(rights.callerOf(tokenOf(BOB, 1, 'two')), undefined);
  t.match(told.at(-1), { accounts: new Set([BOB]) });
});

t.test('a revoked token is known after a start, and forgotten with its row', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  await core.applier.apply(revokeToken('one', 5));
  const rights = new RightsCache(core.store.view);
  t.equal(rights.callerOf(tokenOf(ACCOUNT)), undefined);
  rights.committed({ mutations: [{ kind: 'prune', table: 'revokedTokens', before: 6, limit: 1 }], events: [] });
  t.ok(rights.callerOf(tokenOf(ACCOUNT)), 'by then its token has expired');
});

t.test('a key follows its owner’s rights, and ends when it is removed', async (t) => {
  const { apply, told, rights, mayList, countReads } = await open(t);
  const proof: Proof = { kind: 'api-key', keyId: 'key', accountId: ANN, expiresAtMs: Number.POSITIVE_INFINITY };
  await apply(
    createApiKey({ id: 'key', accountId: ANN, parentId: null, name: 'k', keyHash: 'h', rules: null, expiresAt: null, spaceId: null }),
  );
  t.equal(mayList(proof), true);
  t.same(
    countReads(() => mayList(proof)),
    [true, 0],
  );
  await apply(removeBinding('binding-ann'));
  t.equal(mayList(proof), false);
  await apply(removeApiKey('key'));
  t.match(told.at(-1), { keys: new Set(['key']) });
  t.equal(rights.callerOf(proof), undefined);
});

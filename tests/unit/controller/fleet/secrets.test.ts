import t, { type Test } from 'tap';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { changeAccount, createAccount, removeAccount } from '../../../../controller/domain/access/commands/accounts.ts';
import { createBinding, removeBinding } from '../../../../controller/domain/access/commands/role-bindings.ts';
import type { AccountId, NodeId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { changeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { RightsCache } from '../../../../controller/services/access/rights.ts';
import type { SecretSource } from '../../../../controller/services/fleet/secrets-for.ts';
import { ACCOUNT, type Core, NODE, newMessage, newSession, OTHER_NODE, openCore, SPACE, withAgents } from '../core.ts';
import { fleetOver, joins, nodeOf, running, S } from './world.ts';

const developer = BUILT_IN_ROLES.find(({ name }) => name === 'developer') ?? { id: '' };

/** Raises the version, as each change of a secret does in its command. */
async function changed(core: Core): Promise<void> {
  await core.applier.apply({
    name: 'test-secret',
    decide({ view }) {
      const space = view.get('spaces', SPACE);
      if (space === undefined) throw new Error('there is no space');
      return { mutations: [put('spaces', { ...space, secretsVersion: space.secretsVersion + 1 })], events: [], result: undefined };
    },
  });
}

async function withSecrets(t: Test, values: () => Record<string, string>, by = { accountId: ACCOUNT, user: 'admin' }) {
  const core = await openCore();
  const rights = new RightsCache(core.store.view);
  core.applier.onCommitted((committed) => rights.committed(committed));
  for (const id of [NODE, OTHER_NODE]) await joins(core, id);
  const secrets: SecretSource = {
    of: (spaceId) => ({ version: core.store.view.get('spaces', spaceId)?.secretsVersion ?? 0, values: values() }),
    withheldFrom: ({ createdById, spaceId }) => !rights.hasRightsIn(createdById, spaceId),
  };
  const { connect } = fleetOver(t, core, { secrets });
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S, by }));
  const fake = connect(nodeOf(core));
  await fake.until(() => fake.of('assignmentSet')[0]);
  const ask = (node: typeof fake, generation = 1) => {
    const before = node.of('secrets').length;
    node.say({ kind: 'secretsRequest', value: { sessionId: S, generation, version: 1 } });
    return node.of('secrets')[before];
  };
  return { core, connect, fake, ask };
}

const changeTo = (core: Core, desired: 'running' | 'suspended', generation: number) => ({
  name: 'test-desired',
  decide: () => ({ mutations: [put('sessions', { ...core.session(S), desired, generation })], events: [], result: undefined }),
});

t.test('a message posted after a change names at least that version; the node of its session is told the secrets', async (t) => {
  const { core, fake, ask } = await withSecrets(t, () => ({ KEY: 'value' }));
  const post = () => core.applier.submit(postMessage(newMessage(S, 'hello')));
  await post();
  fake.say(running());
  await fake.until(() => fake.of('deliver')[0]);
  await changed(core);
  await post();
  await changed(core);
  await changed(core);
  await post();
  await fake.until(() => fake.of('deliver')[2]);
  t.same(
    fake.of('deliver').map(({ secretsVersion }) => secretsVersion),
    [0, 1, 3],
  );
  t.same(ask(fake), { sessionId: S, version: 3, values: { KEY: 'value' }, withheld: [] });
});

t.test('another node, an older placement, and a session that is gone are told nothing', async (t) => {
  const { core, connect, fake, ask } = await withSecrets(t, () => ({ KEY: 'value' }));
  await changed(core);
  const other: NodeId = nodeOf(core) === NODE ? OTHER_NODE : NODE;
  const stranger = connect(other);
  await stranger.until(() => stranger.of('assignmentSet')[0]);
  const nothing = { sessionId: S, version: 0, values: {}, withheld: [] };
  t.same(ask(stranger), nothing);
  t.same(ask(fake, 0), nothing, 'a generation from before it was placed there');
  t.same(ask(fake, 2), nothing, 'a generation that nobody has given');
  t.match(ask(fake, 1), { version: 1, values: { KEY: 'value' } });
  t.notOk(stranger.closed);
  await core.applier.apply(changeTo(core, 'suspended', 2));
  t.same(ask(fake, 1), nothing, 'the assignment before');
  t.same(ask(fake, 2), nothing, 'it is not to run');
  await core.applier.apply(changeTo(core, 'running', 3));
  t.match(ask(fake, 3), { version: 1, values: { KEY: 'value' } });
  const row = core.session(S);
  await core.applier.apply({
    name: 'test-moved',
    decide: () => ({
      mutations: [put('sessions', { ...row, nodeId: other, generation: 2, placedGeneration: 2 })],
      events: [],
      result: undefined,
    }),
  });
  t.same(ask(fake, 1), nothing, 'it was moved away');
  t.same(ask(stranger, 1), nothing, 'nor before it was moved there');
  t.match(ask(stranger, 2), { version: 1 });
});

t.test('a session whose creator has lost every right in the space gets no secrets any more, until they hold one again', async (t) => {
  const ann = { accountId: '00000000-0000-4000-8000-0000000000a1' as AccountId, user: 'ann' };
  const { core, fake, ask } = await withSecrets(t, () => ({ KEY: 'of tomorrow' }), ann);
  const binding = { roleId: developer.id, principal: 'ann', principalType: 'ServiceAccount', accountId: ann.accountId } as const;
  const bind = (id: string) => core.applier.apply(createBinding({ ...binding, id, spaceId: SPACE }));
  await core.applier.apply(createAccount({ id: ann.accountId, user: ann.user, passwordHash: 'x', description: null }));
  await bind('first');
  fake.say(running());
  await changed(core);
  const held = { sessionId: S, version: 1, values: { KEY: 'of tomorrow' }, withheld: [] };
  const none = { ...held, values: {} };
  t.same(ask(fake), held, 'while it holds');

  let delivered = 0;
  const version = async () => {
    delivered += 1;
    await core.applier.submit(postMessage(newMessage(S, 'hello')));
    return (await fake.until(() => fake.of('deliver')[delivered - 1])).secretsVersion;
  };
  t.equal(await version(), 1);
  await core.applier.apply(removeBinding('first'));
  t.same(ask(fake), none, 'the role is gone');
  t.equal(await version(), 0, 'and no message waits for secrets');
  await bind('second');
  t.same(ask(fake), held, 'the role is back');
  t.equal(await version(), 1);
  await core.applier.apply(changeAccount(ann.accountId, { active: false }, ACCOUNT));
  t.same(ask(fake), none, 'the account is inactive');
  await core.applier.apply(changeAccount(ann.accountId, { active: true }, ACCOUNT));
  t.same(ask(fake), held);
  await core.applier.apply(removeAccount(ann.accountId, ACCOUNT));
  t.same(ask(fake), none, 'the account is deleted');
});

t.test('secrets that cannot be opened or are more than a process can be given do not end the stream', async (t) => {
  let values = (): Record<string, string> => {
    throw new Error('the key is missing');
  };
  const { core, fake, ask } = await withSecrets(t, () => values());
  await changed(core);
  t.same(ask(fake), { sessionId: S, version: 0, values: {}, withheld: [] });
  values = () => ({ SMALL: 's', HUGE: 'x'.repeat(2 * 1024 * 1024), ALSO: 'a' });
  t.same(ask(fake), { sessionId: S, version: 1, values: { SMALL: 's', ALSO: 'a' }, withheld: [] });
  t.notOk(fake.closed);
});

t.test('the guest learns which secret is the key of the model, and keeps it from agents', async (t) => {
  const { core, ask, fake } = await withSecrets(t, () => ({ KEY: 'value', MODEL_KEY: 'key' }));
  const model = { api: 'openai', model: 'm', key_secret: 'MODEL_KEY' } as const;
  await core.applier.submit(changeSpace(SPACE, { settings: { model } }, false));
  t.match(ask(fake), { values: { MODEL_KEY: 'key' }, withheld: ['MODEL_KEY'] });
  await core.applier.submit(changeSpace(SPACE, { settings: { model: { ...model, share_key: true } } }, false));
  t.match(ask(fake), { values: { MODEL_KEY: 'key' }, withheld: [] });
});

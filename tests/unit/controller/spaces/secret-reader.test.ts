import t from 'tap';
import { changeAgent, removeAgent } from '../../../../controller/domain/agents/commands/change-agent.ts';
import type { AgentId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { createSecret } from '../../../../controller/domain/spaces/commands/secrets.ts';
import { NONCE_BYTES, SealingRing, sealingKey } from '../../../../controller/services/spaces/sealing.ts';
import { SecretReader } from '../../../../controller/services/spaces/secret-reader.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { openCore, SPACE, withAgents } from '../core.ts';

const random = systemRandom;

t.test('agents get the secrets of their space, but none that one of them names as the credential of its repository', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const ring = new SealingRing([sealingKey('1', random.bytes(32))]);
  const secrets = { API_KEY: 'for agents', GIT_TOKEN: 'for the clone', DEPLOY_KEY: 'for the other clone' };
  for (const [keyName, text] of Object.entries(secrets)) {
    const value = {
      bytes: text.length,
      seal: (row: Parameters<SealingRing['seal']>[0]) => ring.seal(row, text, random.bytes(NONCE_BYTES)),
    };
    await core.applier.submit(createSecret({ id: random.uuid(), spaceId: SPACE, keyName, description: null, value, user: 'admin' }));
  }
  await withAgents(core, ['one', 'two', 'three']);
  const [one, two] = ['agent-one' as AgentId, 'agent-two' as AgentId];
  const reader = new SecretReader(core.store.view, ring);
  const set = (id: AgentId, sourceSecret: string | null) => core.applier.submit(changeAgent(id, { sourceSecret }));
  const got = () => Object.keys(reader.of(SPACE).values).sort();
  let known = reader.version(SPACE);
  const isAnew = () => {
    const before = known;
    known = reader.version(SPACE);
    return known !== before;
  };

  t.same(reader.of(SPACE), { version: 3, values: secrets });
  await set(one, 'GIT_TOKEN');
  t.same(reader.of(SPACE).values, { API_KEY: secrets.API_KEY, DEPLOY_KEY: secrets.DEPLOY_KEY });
  t.ok(isAnew(), 'guests fetch what is left');
  t.equal(reader.one(SPACE, 'GIT_TOKEN'), secrets.GIT_TOKEN, 'the fetch itself gets it');
  await set(two, 'DEPLOY_KEY');
  t.same(got(), ['API_KEY'], 'each of both');
  t.ok(isAnew());
  await set(two, 'GIT_TOKEN');
  t.same(got(), ['API_KEY', 'DEPLOY_KEY'], 'one that nobody names any more is a secret like others');
  t.ok(isAnew());
  await set(one, null);
  t.same(got(), ['API_KEY', 'DEPLOY_KEY'], 'the other still names it');
  t.notOk(isAnew());
  await core.applier.submit(removeAgent(two));
  t.same(reader.of(SPACE).values, secrets);
  t.ok(isAnew());
  await set(one, 'NOT_MADE_YET');
  t.same(reader.of(SPACE).values, secrets);
  t.equal(reader.one(SPACE, 'NOT_MADE_YET'), undefined);
  t.same(reader.of('elsewhere' as SpaceId), { version: 0, values: {} });
});

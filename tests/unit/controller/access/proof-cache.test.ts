import { createSecretKey } from 'node:crypto';
import t from 'tap';
import { systemRandom } from '../../../../seams/system.ts';
import { type Rig, startRig } from '../http/fakes.ts';

let rig: Rig;
t.beforeEach(async () => {
  rig = await startRig();
});
t.afterEach(() => rig.server.close(0));

const newKey = (kid: string) => ({ key: createSecretKey(systemRandom.bytes(32)), kid });
const statusOf = async (init?: RequestInit) => (await rig.call('/auth/me', init)).status;

t.test('a token that was good before ends with its time', async (t) => {
  t.equal(await statusOf(), 200);
  rig.clock.forward(25 * 3600 * 1000);
  t.equal(await statusOf(), 401);
});

t.test('a token that was good before ends with its version', async (t) => {
  t.equal(await statusOf(), 200);
  rig.fake.version = 2;
  t.equal(await statusOf(), 401);
});

t.test('a token that was good before ends with the key that signed it, and returns with it', async (t) => {
  t.equal(await statusOf(), 200);
  const key = rig.tokens.keyOf('k');
  if (key === undefined) throw new Error('no key');
  const older = { key, kid: 'k' };
  rig.tokens.use([newKey('newer'), older]);
  t.equal(await statusOf(), 200, 'an older key still proves what it signed');
  rig.tokens.use([newKey('newer')]);
  t.equal(await statusOf(), 401);
  rig.tokens.use([newKey('k')]);
  t.equal(await statusOf(), 401, 'another key of that name');
  rig.tokens.use([older]);
  t.equal(await statusOf(), 200);
  const again = { key: createSecretKey(key.export()), kid: 'k' };
  rig.tokens.use([again]);
  t.equal(rig.tokens.keyOf('k'), key, 'the same key, read again, is no other: what it signed need not be verified again');
});

t.test('of a good token a part is good for nothing, and neither is it with another end', async (t) => {
  t.equal(await statusOf(), 200);
  for (const token of [rig.token.slice(0, -1), `${rig.token}x`, rig.token.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))]) {
    t.equal(await statusOf({ headers: { authorization: `Bearer ${token}` } }), 401);
  }
  t.equal(await statusOf(), 200);
});

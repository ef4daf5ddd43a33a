import { createSecretKey } from 'node:crypto';
import t from 'tap';
import type { AccountId } from '../../../../controller/domain/engine/ids.ts';
import { ProofCache } from '../../../../controller/http/access/proof-cache.ts';
import type { Proof } from '../../../../controller/services/access/proof.ts';

const proofOf = (tokenId: string): Proof => ({
  ...{ kind: 'token', tokenId, accountId: 'a' as AccountId, version: 1, expiresAtMs: 1 },
});
const key = createSecretKey(Buffer.alloc(32, 1));
const trusting = () => true;

t.test('each connection gets the proof of the header that it sends now', async (t) => {
  const cache = new ProofCache();
  const [one, other] = [{}, {}];
  cache.keep('Bearer a', { proof: proofOf('a'), key });
  cache.keep('Bearer b', { proof: proofOf('b'), key });
  for (const connection of [one, other, one]) {
    t.match(cache.find('Bearer a', connection, trusting), { tokenId: 'a' });
    t.match(cache.find('Bearer b', connection, trusting), { tokenId: 'b' });
    t.match(cache.find('Bearer b', connection, trusting), { tokenId: 'b' }, 'twice in a row');
    t.equal(cache.find('Bearer c', connection, trusting), undefined, 'an unknown header');
    t.equal(cache.find('', connection, trusting), undefined, 'no header');
  }
});

t.test('a key that is trusted no more ends its proofs on open connections too', async (t) => {
  const cache = new ProofCache();
  const connection = {};
  cache.keep('Bearer a', { proof: proofOf('a'), key });
  t.ok(cache.find('Bearer a', connection, trusting));
  t.equal(
    cache.find('Bearer a', connection, () => false),
    undefined,
  );
});

import t from 'tap';
import type { Identity } from '../../../../node-agent/identity/identity.ts';
import { JoinError } from '../../../../node-agent/identity/join.ts';
import { ownIdentity } from '../../../../node-agent/identity/own-identity.ts';
import { encodeJoinToken } from '../../../../proto/join-token.ts';
import { silentLog } from '../../controller/grpc/wire-rig.ts';

const token = (id: string) => encodeJoinToken({ joinAddresses: ['h:1'], nodeAddresses: ['h:2'], caHash: 'ab'.repeat(32), id, secret: 's' });

const identity = (name: string, tokenId: string): Identity => ({
  ...{ nodeId: name, clusterId: 'c', incarnation: 1, name, controllers: ['h:2'], joinAddresses: ['h:1'], tokenId },
  ...{ keyPem: '', certificatePem: '', caPem: '', expiresAtMs: 0 },
});
const known = identity('known', 'old-token');
const joined = identity('joined', 'new-token');

async function start(given: { known?: Identity; token?: string; fails?: Error }) {
  const used: string[] = [];
  const warned: string[] = [];
  const found = await ownIdentity({
    known: given.known,
    token: given.token,
    log: { ...silentLog, warn: (event, fields) => void warned.push(`${event}: ${fields?.error}`) },
    async join(text) {
      used.push(text);
      if (given.fails !== undefined) throw given.fails;
      return joined;
    },
  }).catch((error: unknown) => String(error));
  return { name: typeof found === 'string' ? found : found.name, joins: used.length, warned };
}

t.test('who a node is, from what it has and what it is given', async (t) => {
  const spent = new JoinError('refused', 'This token was used already.');
  const away = new JoinError('unreachable', 'The controller cannot be reached.');
  t.match(await start({}), { name: /has not joined a cluster yet/, joins: 0 });
  t.strictSame(await start({ known }), { name: 'known', joins: 0, warned: [] });
  t.strictSame(await start({ token: token('new-token') }), { name: 'joined', joins: 1, warned: [] });
  t.strictSame(await start({ known, token: token('new-token') }), { name: 'joined', joins: 1, warned: [] }, 'one that is given is used');
  t.strictSame(await start({ known, token: token('old-token') }), { name: 'known', joins: 0, warned: [] }, 'the same command again');
  t.strictSame(
    await start({ known, token: token('used-elsewhere'), fails: spent }),
    { name: 'known', joins: 1, warned: ['node.token_not_used: This token was used already.'] },
    'one that cannot be used leaves the node what it was',
  );
  t.match(await start({ known, token: token('new-token'), fails: away }), { name: 'known', warned: [/cannot be reached/] });
  t.match(await start({ token: token('new-token'), fails: spent }), { name: /used already/, joins: 1 }, 'and a new machine nothing');
  t.match(await start({ known, token: token('new-token'), fails: new Error('EIO') }), { name: /EIO/ }, 'a fault is no refusal');
});

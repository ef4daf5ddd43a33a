import { join } from 'node:path';
import t from 'tap';
import type { NodeTokenObject } from '../../controller/contract/nodes.ts';
import { startHollowNode } from './hollow-node.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

t.test('a token is listed while it can be used, joins its nodes with its labels, and is revoked', async (t) => {
  const { rest, own } = target;
  const listed = async () => (await rest.call('GET', '/nodes/tokens')).body as readonly NodeTokenObject[];
  const make = async (body: object) => (await rest.call('POST', '/nodes/tokens', body)).body as NodeTokenObject & { token: string };
  const { token, ...shown } = await make({ uses: 2, expires_in_s: 600, labels: { zone: 'a' } });
  t.match(shown, { uses: 2, used: 0, labels: { zone: 'a' }, last_used_at: null, created_by: String });
  t.same(
    (await listed()).find(({ id }) => id === shown.id),
    shown,
    'the list shows the same, without the token',
  );
  for (const body of [{ uses: 0 }, { uses: 1001 }, { expires_in_s: 604_801 }, { labels: { a: ' ' } }])
    t.match(await rest.call('POST', '/nodes/tokens', body), { status: 422 }, JSON.stringify(body));

  if (own !== undefined) {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const events = await rest.watch('/events');
    t.teardown(() => events.close());
    const node = await startHollowNode({
      ...{ name: 'labelled', directory: join(own.directory, 'labelled'), token, image: 'raworc/session:contract', log },
    });
    t.teardown(() => node.close());
    await events.until('the node is ready', ({ type }) => type === 'node.ready');
    t.match(await rest.call('GET', '/nodes/labelled'), { status: 200, body: { labels: { zone: 'a' } } });
    t.match(
      (await listed()).find(({ id }) => id === shown.id),
      { used: 1, last_used_at: String },
    );
  }

  t.equal((await rest.call('DELETE', `/nodes/tokens/${shown.id}`)).status, 204);
  t.equal((await rest.call('DELETE', `/nodes/tokens/${shown.id}`)).status, 404);
  t.notOk((await listed()).some(({ id }) => id === shown.id));
  t.match(await rest.call('GET', `/audit?resource=node-tokens/${shown.id}&order=asc`), {
    body: [{ action: 'createNodeToken' }, { action: 'revokeNodeToken', outcome: 'ok' }],
  });
  if (own === undefined) return;
  const refused = startHollowNode({
    ...{ name: 'late', directory: join(own.directory, 'late'), token, image: 'raworc/session:contract' },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  await t.rejects(refused, { message: /This join token was revoked/ });
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { beginCaRotation } from '../../controller/rotate/rotate-ca.ts';
import { grpcDialer } from '../../node-agent/control/grpc-dialer.ts';
import { loadIdentity } from '../../node-agent/identity/identity.ts';
import { systemClock, systemRandom } from '../../seams/system.ts';
import { makeAuthority, makeNode } from '../unit/controller/grpc/wire-rig.ts';
import { openTarget } from './target.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };

t.test('the CA is replaced while the controller and its node run, and old certificates are refused afterwards', async (t) => {
  const { rest, own } = await openTarget(t);
  if (own === undefined) return t.comment('only for a controller of the test’s own');
  const controller = join(own.directory, 'controller');
  const stolen = await loadIdentity(join(own.directory, 'node'));
  if (stolen === undefined) throw new Error('the node has no identity');
  const issuer = async () => ((await rest.call('GET', '/nodes/hollow')).body as { certificate: { issuer: string } }).certificate.issuer;
  const { id } = await rest.createSession();
  const old = await issuer();
  const connects = async (identity = stolen) => {
    const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log });
    try {
      (await dialer.dial(AbortSignal.timeout(15_000))).close();
      return 'accepted';
    } catch (error) {
      return String(error);
    } finally {
      dialer.close();
    }
  };
  t.equal(await connects(), 'accepted');
  const events = await rest.watch('/events');
  t.teardown(() => events.close());

  await beginCaRotation(controller, { clock: systemClock, random: systemRandom });
  // The node moves to a new stream with its new certificate.
  while ((await issuer()) === old) await events.until('the node is ready again', ({ type }) => type === 'node.ready');
  const isLeft = () => existsSync(join(controller, 'keys', 'ca', 'ca.crt'));
  for (let looks = 0; isLeft() && looks < 100; looks += 1) await new Promise((resolve) => setTimeout(resolve, 100));
  t.notOk(isLeft(), 'the old CA is gone, since no node needs it');
  t.match(await connects({ ...stolen, caPem: (await loadIdentity(join(own.directory, 'node')))?.caPem ?? '' }), /TLS handshake/);
  t.match(await rest.call('GET', '/nodes/hollow'), { body: { status: 'ready' } });
  t.match(await rest.call('POST', `/sessions/${id}/messages?wait=20s`, { content: 'hi' }), { body: { reply: Object } });
  const audit = (await rest.call('GET', '/audit?action=rotateCa')).body;
  t.match(audit, [{ action: 'rotateCa' }]);
});

t.test('a certificate of another cluster reaches nothing of this one: no stream, no source, no registry', async (t) => {
  const { rest, own } = await openTarget(t, { registry: { kind: 'own', program: 'docker-registry', s3: undefined } });
  if (own === undefined) return t.comment('only for a controller of the test’s own');
  const hasRegistry = async () => !('degraded' in Object((await rest.call('GET', '/health')).body));
  for (let looks = 0; looks < 100 && !(await hasRegistry()); looks += 1) await new Promise((resolve) => setTimeout(resolve, 100));
  const known = await loadIdentity(join(own.directory, 'node'));
  if (known === undefined) throw new Error('the node has no identity');
  const calls = async (identity: typeof known) => {
    const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log });
    const signal = AbortSignal.timeout(15_000);
    const reason = (error: unknown) => String(error);
    try {
      const stream = await dialer.dial(signal).then(() => 'accepted', reason);
      const source = await dialer
        .fetchSource(`sha256:${'ab'.repeat(32)}`, signal)
        [Symbol.asyncIterator]()
        .next()
        .then(() => 'sent', reason);
      const registry = await new Promise<string>((resolve) => {
        const connection = dialer.registry();
        connection.once('error', (error) => resolve(reason(error)));
        connection.once('data', (data) => resolve(String(data).split('\r\n')[0] ?? ''));
        connection.once('close', () => resolve('closed'));
        connection.write('GET /v2/ HTTP/1.1\r\nHost: registry\r\n\r\n');
      });
      return { stream, source, registry };
    } finally {
      dialer.close();
    }
  };
  const there = await makeAuthority(join(own.directory, 'other-cluster'), known.clusterId);
  const foreign = await makeNode(known.nodeId, there, known.controllers[0] ?? '');
  const refused = /TLS handshake|Failed to connect|No connection established|cannot be reached/;
  t.match(await calls({ ...foreign, caPem: known.caPem }), { stream: refused, source: refused, registry: refused });
  t.match(
    await calls(known),
    { stream: 'accepted', source: /has no build with that source/, registry: 'HTTP/1.1 200 OK' },
    'the node itself reaches the controller and its registry, and gets nothing that is not its own',
  );
});

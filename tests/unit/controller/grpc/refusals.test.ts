import { join } from 'node:path';

import t from 'tap';
import type { Authority } from '../../../../controller/grpc/authority.ts';
import { openChannel } from '../../../../node-agent/control/channel.ts';
import { DialError } from '../../../../node-agent/control/dial-error.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import type { Identity } from '../../../../node-agent/identity/identity.ts';
import { CONTROLLER_NAME, connectMethod, defaultKeepalive } from '../../../../proto/node-service.ts';
import { makeAuthority, makeNode, type Rig, shiftedClock, silentLog, startRig } from './wire-rig.ts';

const NODE = '11111111-1111-4111-8111-111111111111';
const DAY_MS = 24 * 3_600_000;
const OTHER_NODE = '22222222-2222-4222-8222-222222222222';

/** "connected", or why not. */
async function tryToConnect(rig: Rig, identity: Identity): Promise<string> {
  const dialer = grpcDialer({ identity: () => identity, clock: rig.clock, log: silentLog });
  try {
    const link = await dialer.dial(AbortSignal.timeout(15_000));
    const { nodeId, link: other } = await rig.nextArrival();
    const ended = new Promise<void>((resolve) => other.onClose(() => resolve()));
    other.onMessage(() => {});
    link.close();
    await ended;
    return `connected as ${nodeId}`;
  } catch (error) {
    if (!(error instanceof DialError)) throw error;
    return `${error.code}: ${error.message}`;
  } finally {
    dialer.close();
  }
}

const otherCluster = (rig: Rig): Promise<Authority> => makeAuthority(join(rig.directory, 'other-ca'), rig.authority.clusterId);

t.test('the certificate decides the node id, and only a certificate of the cluster is let in', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const good = await rig.node(NODE);
  const foreign = await makeNode(NODE, await otherCluster(rig), good.controllers[0] ?? '');
  const noCertificate = async () => {
    const client = openChannel(good.controllers[0] ?? '', { caPem: good.caPem }, defaultKeepalive);
    const stream = client.makeBidiStreamRequest(connectMethod.path, connectMethod.serialize, connectMethod.deserialize);
    return new Promise<string>((resolve) => {
      stream.on('metadata', () => resolve('connected'));
      stream.on('error', (error) => resolve(error.message));
    }).finally(() => client.close());
  };

  t.equal(await tryToConnect(rig, good), `connected as ${NODE}`);
  t.equal(await tryToConnect(rig, await rig.node(OTHER_NODE)), `connected as ${OTHER_NODE}`);
  t.equal(
    await tryToConnect(rig, { ...good, nodeId: OTHER_NODE }),
    `connected as ${NODE}`,
    'what the node believes of itself counts for nothing',
  );
  t.match(await tryToConnect(rig, { ...foreign, caPem: good.caPem }), /^handshake: /, 'a certificate of another CA with the same names');
  t.match(
    await tryToConnect(rig, foreign),
    /^unreachable: .*(self-signed|certificate|issuer)/i,
    'a controller of another CA, seen from the node',
  );
  t.match(await noCertificate(), /UNAVAILABLE/);
  t.equal(rig.arrivals.length, 0);
});

t.test('an expired certificate is refused, by the handshake and by the controller’s own clock', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  t.equal(await tryToConnect(rig, await rig.node(NODE)), `connected as ${NODE}`);
  rig.authorityClock.shiftMs = -31 * DAY_MS;
  const longExpired = await rig.node(NODE);
  rig.authorityClock.shiftMs = 0;
  t.match(await tryToConnect(rig, longExpired), /^handshake: .* in the TLS handshake/, 'refused by TLS');
  const fresh = await rig.node(NODE);
  rig.clock.shiftMs = 31 * DAY_MS;
  t.match(await tryToConnect(rig, fresh), /^refused: .*expired at 20\d\d-\d\d-\d\dT/, 'refused by the handler: TLS saw nothing wrong');
  rig.clock.shiftMs = 29 * DAY_MS;
  t.equal(await tryToConnect(rig, fresh), `connected as ${NODE}`);
});

t.test('Connect and FetchSource over the port for joining are refused', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const good = await rig.node(NODE);
  const overJoinPort = { ...good, controllers: [`127.0.0.1:${rig.server.joinPort}`] };
  t.equal(await tryToConnect(rig, good), `connected as ${NODE}`);
  t.match(await tryToConnect(rig, overJoinPort), /^refused: .*requires a node certificate/);
  const dialer = grpcDialer({ identity: () => overJoinPort, clock: rig.clock, log: silentLog });
  t.teardown(() => dialer.close());
  await t.rejects(
    dialer.fetchSource('sha256:0', AbortSignal.timeout(15_000))[Symbol.asyncIterator]().next(),
    /requires a node certificate/,
  );
});

t.test('a certificate serves for its own purpose only', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const good = await rig.node(NODE);
  const server = await rig.authority.issueServer();
  t.match(
    await tryToConnect(rig, { ...good, keyPem: server.keyPem, certificatePem: server.chainPem }),
    /^handshake: /,
    'a controller’s certificate is not one of a node',
  );

  // A node that plays the controller: the same CA, and still no server.
  const { createServer } = await import('node:tls');
  const greetings: string[] = [];
  const impostor = createServer({ key: good.keyPem, cert: `${good.certificatePem}${good.caPem}`, ALPNProtocols: ['h2'] }, () =>
    greetings.push('taken'),
  );
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  t.teardown(() => impostor.close());
  const address = impostor.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  t.match(await tryToConnect(rig, { ...good, controllers: [`127.0.0.1:${port}`] }), /^unreachable: /);
  t.equal(await tryToConnect(rig, good), `connected as ${NODE}`);
});

t.test('the server’s certificate is renewed without a restart, before it expires', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const serial = () =>
    new Promise<string>((resolve, reject) => {
      import('node:tls').then(({ connect }) => {
        const socket = connect(
          { host: '127.0.0.1', port: rig.server.joinPort, ca: rig.authority.caPem, servername: CONTROLLER_NAME, ALPNProtocols: ['h2'] },
          () => {
            resolve(socket.getPeerCertificate().serialNumber);
            socket.destroy();
          },
        );
        socket.on('error', reject);
      }, reject);
    });
  const first = await serial();
  t.equal(await serial(), first);
  rig.clock.shiftMs = 13 * 3_600_000;
  const second = await serial();
  t.not(second, first);
  rig.clock.shiftMs = 0;
  t.equal(await serial(), second);
  t.equal(await tryToConnect(rig, await rig.node(NODE)), `connected as ${NODE}`, 'the other port renewed too');
});

t.test('nodes that come all at once are admitted at a bounded rate, and told when to come back', async (t) => {
  const rig = await startRig({ connectRate: { perSecond: 1, burst: 2 } });
  t.teardown(() => rig.close());
  const identity1 = await rig.node(NODE);
  const dialer = grpcDialer({ identity: () => identity1, clock: rig.clock, log: silentLog });
  t.teardown(() => dialer.close());
  await dialer.dial(AbortSignal.timeout(15_000));
  await dialer.dial(AbortSignal.timeout(15_000));
  const refusal = await dialer.dial(AbortSignal.timeout(15_000)).then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(refusal instanceof DialError && refusal.code === 'busy' && (refusal.retryAfterMs ?? 0) > 0 && (refusal.retryAfterMs ?? 0) <= 1000);
});

t.test('a dial to nowhere says where and why', async (t) => {
  const clock = shiftedClock();
  const rig = await startRig();
  const identity = await rig.node(NODE);
  await rig.close();
  const dialer = grpcDialer({ identity: () => identity, clock, log: silentLog });
  t.teardown(() => dialer.close());
  await t.rejects(dialer.dial(AbortSignal.timeout(15_000)), {
    code: 'unreachable',
    message: /127\.0\.0\.1:\d+ cannot be reached.*ECONNREFUSED/,
  });
  await t.rejects(dialer.dial(AbortSignal.abort(new Error('never mind'))), { message: 'never mind' });
});

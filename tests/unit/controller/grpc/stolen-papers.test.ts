/** Every call that a node can make, with papers that are not in order, and with those of another node. */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import type { Identity } from '../../../../node-agent/identity/identity.ts';
import { systemClock } from '../../../../seams/system.ts';
import { makeAuthority, makeNode, silentLog, startRig } from './wire-rig.ts';

const A = '11111111-1111-4111-8111-111111111111' as NodeId;
const B = '22222222-2222-4222-8222-222222222222' as NodeId;
const DAY_MS = 24 * 3_600_000;
/** Node B builds it. */
const DIGEST = `sha256:${'ab'.repeat(32)}`;

/** A controller that notes who reached what, and lets nodes do what is their own. */
async function controller(t: Test) {
  const reached: string[] = [];
  const revoked = new Set<NodeId>();
  const rig = await startRig({
    admit: ({ nodeId }) => (revoked.has(nodeId) ? refused('FORBIDDEN', 'This node was revoked.') : accepted(undefined)),
    streams: {
      openTo: () => 1,
      accept(nodeId, link) {
        reached.push(`byte stream: ${nodeId}`);
        link.close();
      },
    },
    registry: {
      accept(nodeId, connection) {
        reached.push(`registry: ${nodeId}`);
        connection.destroy();
      },
    },
    canFetch: (nodeId, digest) => nodeId === B && digest === DIGEST,
    openSource: () => Readable.from([Buffer.from('source')]),
    putSource: async () => ({ refusal: 'no' }),
  });
  t.teardown(() => rig.close());
  /** Makes every call. Returns what the controller gave or noted. */
  const allOf = async (identity: Identity): Promise<readonly string[]> => {
    const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
    const signal = AbortSignal.timeout(15_000);
    reached.splice(0);
    try {
      const link = await dialer.dial(signal).catch(() => undefined);
      if (link !== undefined) {
        const arrived = await rig.nextArrival();
        arrived.link.onMessage(() => undefined);
        reached.push(`control stream: ${arrived.nodeId}`);
        link.close();
      }
      for await (const bytes of dialer.fetchSource(DIGEST, signal)) reached.push(Buffer.from(bytes).toString());
    } catch {
      // The source is refused.
    }
    try {
      const stream = await dialer.stream(signal);
      stream.onMessage(() => undefined);
      await new Promise<void>((resolve) => stream.onClose(() => resolve()));
      const connection = dialer.registry();
      connection
        .on('error', () => undefined)
        .resume()
        .end();
      await new Promise<void>((resolve) => connection.once('close', () => resolve()));
    } finally {
      dialer.close();
    }
    return [...reached];
  };
  return { rig, revoked, allOf };
}

const allAs = (node: NodeId) => [`control stream: ${node}`, `byte stream: ${node}`, `registry: ${node}`];

t.test('papers that are not in order reach nothing, by any call', async (t) => {
  const { rig, revoked, allOf } = await controller(t);
  const good = await rig.node(A);
  t.same(await allOf(good), allAs(A), 'the right ones');

  const other = await makeAuthority(join(rig.directory, 'other'), rig.authority.clusterId);
  const selfMade = await makeNode(A, other, good.controllers[0] ?? '');
  t.same(await allOf({ ...selfMade, caPem: good.caPem }), [], 'self-made, with the same names');
  const server = await rig.authority.issueServer();
  t.same(await allOf({ ...good, keyPem: server.keyPem, certificatePem: server.chainPem }), [], 'of the controller itself');

  rig.authorityClock.shiftMs = -31 * DAY_MS;
  const expired = await rig.node(A);
  rig.authorityClock.shiftMs = 0;
  t.same(await allOf(expired), [], 'expired');
  rig.clock.shiftMs = 31 * DAY_MS;
  t.same(await allOf(good), [], 'expired by the clock of the controller, which TLS does not ask');
  rig.clock.shiftMs = 0;

  revoked.add(A);
  t.same(await allOf(good), [], 'revoked');
  t.same((await allOf(await rig.node(B))).length, 4, 'and nobody else is');
  revoked.delete(A);
  t.same(await allOf(good), allAs(A), 'the right ones again');
});

t.test('with the stolen papers of a node a thief is that node, and reads nothing of another', async (t) => {
  const { rig, allOf } = await controller(t);
  const [a, b] = [await rig.node(A), await rig.node(B)];
  t.same(await allOf({ ...a, nodeId: B, name: b.name }), allAs(A), 'whatever it says of itself');
  t.same(await allOf(b), [`control stream: ${B}`, 'source', `byte stream: ${B}`, `registry: ${B}`], 'the source is for B');
});

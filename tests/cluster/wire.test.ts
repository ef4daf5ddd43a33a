import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { z } from 'zod';
import type { Identity } from '../../node-agent/identity/identity.ts';
import type { ControllerFrame } from '../../proto/frame.ts';
import { deploy, writeAgent } from './agents.ts';
import { sessionImage } from './docker.ts';
import { foreignPapers } from './foreign-papers.ts';
import { HandMadeNode, joinByHand } from './hand-made-node.ts';
import { type Cluster, startCluster } from './harness.ts';
import { sessionShape } from './shapes.ts';
import { tlsGreeting } from './tls-greeting.ts';

const MIB = 2 ** 20;
const conditionsOf = z.looseObject({ conditions: z.array(z.looseObject({ type: z.string() })) });

t.setTimeout(240_000);
t.test('refusals between node and controller', async (t) => {
  const cluster = await startCluster(t, { nodes: [] });
  const { rest } = cluster;
  const address = `127.0.0.1:${cluster.ports.node}`;

  const token = await rest.nodeToken();
  const a = await joinByHand(cluster.directory, 'node-a', token);
  const claims = { clusterId: a.clusterId, incarnation: a.incarnation, memoryBytes: 1024 * MIB, images: [] };

  await t.test('a token that already joined a node', async (t) => {
    t.equal((await rest.nodes()).length, 1);
    await t.rejects(joinByHand(cluster.directory, 'node-c', token), { message: /used/ });
    t.equal((await rest.nodes()).length, 1);
    const again = await joinByHand(cluster.directory, 'node-c', await rest.nodeToken());
    t.not(again.nodeId, a.nodeId, 'a fresh token does join it');
  });

  await t.test('no certificate; the right one is accepted', async (t) => {
    await t.rejects(HandMadeNode.dial(address, { caPem: a.caPem }, claims), { message: /certificate required/ });
    await welcomed(t, address, a);
  });

  await t.test('a certificate of the same name from another CA; the right one is accepted', async (t) => {
    const foreign = await foreignPapers(a.nodeId, new X509Certificate(a.caPem).subject.replaceAll('\n', ','));
    const certificate = new X509Certificate(foreign.certificatePem);
    t.equal(certificate.subject, new X509Certificate(a.certificatePem).subject, 'it names A');
    t.equal(certificate.issuer, new X509Certificate(a.certificatePem).issuer);
    t.ok(certificate.verify(new X509Certificate(foreign.authorityPem).publicKey), 'and is in order, for whoever trusts its CA');
    const stranger = { caPem: a.caPem, ...foreign };
    await t.rejects(HandMadeNode.dial(address, stranger, claims), { message: /No connection established/ });
    await t.rejects(tlsGreeting(cluster.ports.node, stranger), { message: 'closed without a word' });
    await tlsGreeting(cluster.ports.node, a);
    await welcomed(t, address, a);
  });

  await t.test("node A reports on node B's session; B's own reports are accepted", async (t) => {
    const b = await joinByHand(cluster.directory, 'node-b', await rest.nodeToken());
    const nodeA = await HandMadeNode.dial(address, a, claims);
    const nodeB = await HandMadeNode.dial(address, b, { ...claims, incarnation: b.incarnation, images: [await sessionImage()] });
    t.teardown(() => {
      nodeA.close();
      nodeB.close();
    });
    await buildBy(cluster, nodeB);
    const created = sessionShape.parse((await rest.call('POST', '/sessions', {})).body);
    t.equal(created.node, 'node-b', 'only B holds the image');
    const assigned = await nodeB.until('the session', (frame) => assignmentOf(frame, created.id) !== undefined);
    const generation = assignmentOf(assigned, created.id)?.generation ?? 0;

    nodeA.reportRunning(created.id, generation);
    await nodeA.heard();
    t.equal((await rest.session(created.id)).state, 'init', "A's report changes nothing");
    const { conditions } = conditionsOf.parse((await rest.call('GET', '/nodes/node-a')).body);
    t.match(conditions, [{ type: 'Trespass', message: /^The node node-a reported a session of another node\./ }]);
    const { conditions: others } = conditionsOf.parse((await rest.call('GET', '/nodes/node-b')).body);
    t.notOk(others.some(({ type }) => type === 'Trespass'));
    const news = await rest.watch(`/sessions/${created.id}/events`);
    t.teardown(() => news.close());
    nodeB.reportRunning(created.id, generation);
    await news.until(
      'the session to be idle',
      ({ type, data }) => type === 'session.state' && sessionShape.safeParse(data.session).data?.state === 'idle',
    );
    t.equal((await rest.session(created.id)).container_id, `made-up-by-hand-for-${created.id}`, 'the same words of B are believed');

    const message = await rest.post(created.id, 'who answers?');
    await nodeB.until('the message', ({ kind, value }) => kind === 'deliver' && 'messageId' in value && value.messageId === message.id);
    const intruder = nodeA.ended === undefined ? nodeA : await HandMadeNode.dial(address, a, claims);
    t.teardown(() => intruder.close());
    intruder.answer(created.id, generation, message.id, 'A does');
    await intruder.heard();
    t.same(
      (await rest.messages(created.id)).map(({ content }) => content),
      ['who answers?'],
      "A's answer is refused",
    );
    nodeB.answer(created.id, generation, message.id, 'B does');
    await nodeB.until(
      'the answer to be settled',
      ({ kind, value }) => kind === 'settled' && 'messageId' in value && value.messageId === message.id,
    );
    t.same(
      (await rest.messages(created.id)).map(({ content }) => content),
      ['who answers?', 'B does'],
      'the same answer of B is kept',
    );
  });
});

async function welcomed(t: Test, address: string, identity: Identity): Promise<void> {
  const claims = { clusterId: identity.clusterId, incarnation: identity.incarnation, memoryBytes: 1024 * MIB, images: [] };
  const node = await HandMadeNode.dial(address, identity, claims);
  t.ok(node.frames.length > 0, 'welcomed');
  node.close();
}

function assignmentOf(frame: ControllerFrame, sessionId: string) {
  if (frame.kind !== 'assignmentSet' && frame.kind !== 'assignmentChange') return undefined;
  return frame.value.assignments.find((assignment) => assignment.sessionId === sessionId);
}

/** Deploys an agent, whose image the hand-made node claims to have built. */
async function buildBy(cluster: Cluster, node: HandMadeNode): Promise<void> {
  const directory = await writeAgent(join(cluster.directory, 'echo'), {
    'main.py': 'def process_message(message, context):\n    return message\n',
  });
  const deployed = deploy(cluster.rest, 'echo', directory);
  const frame = await node.until('a build', ({ kind }) => kind === 'build');
  if (frame.kind !== 'build') throw new Error('not a build');
  const { buildId, image } = frame.value;
  node.send({ kind: 'images', value: { images: [await sessionImage(), image] } });
  node.send({
    kind: 'build',
    value: {
      buildId,
      phase: 'BUILD_COMPLETED',
      imageId: 'sha256:made-up',
      error: '',
      baseImageMissing: false,
      refusedNow: false,
      ownBaseAgent: '',
      ownBaseImage: '',
      stages: [],
    },
  });
  await deployed;
}

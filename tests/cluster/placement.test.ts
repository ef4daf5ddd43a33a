import t from 'tap';
import { containersOf, recordContainerEvents, sessionImage } from './docker.ts';
import { HandMadeNode, joinByHand } from './hand-made-node.ts';
import { startCluster } from './harness.ts';
import { errorShape, sessionShape } from './shapes.ts';

const MIB = 2 ** 20;
/** The default requests of a session. */
const REQUEST = 128 * MIB;

t.setTimeout(240_000);
t.test('two node agents on one dockerd, with room for one session and for three', async (t) => {
  const cluster = await startCluster(t, {
    nodes: [
      { name: 'small', memoryBytes: REQUEST },
      { name: 'large', memoryBytes: 3 * REQUEST },
    ],
  });
  const { rest } = cluster;
  const nodeIds = new Map((await rest.nodes()).map(({ id, name }) => [name, id]));
  const on = async (name: string) => (await containersOf(cluster.id)).filter(({ node }) => node === nodeIds.get(name));
  const sessions = await Promise.all(Array.from({ length: 4 }, () => rest.createSession()));

  await t.test('four sessions are placed 1 and 3, and Docker agrees with REST', async (t) => {
    t.equal((await on('small')).length, 1);
    t.equal((await on('large')).length, 3);
    const counts = (await rest.nodes()).map(({ name, sessions }) => [name, sessions]);
    t.same(Object.fromEntries(counts), { small: 1, large: 3 });
  });

  await t.test('a fifth session is refused with the reasons of both nodes, and fits after a delete', async (t) => {
    const refused = await rest.call('POST', '/sessions', {});
    t.equal(refused.status, 503);
    const { error } = errorShape.parse(refused.body);
    t.equal(error.code, 'UNAVAILABLE');
    t.match(error.message, /128 MiB/, 'what was asked for');
    t.match(error.message, /small .* of 128 MiB left/);
    t.match(error.message, /large .* of 384 MiB left/);
    t.equal((await containersOf(cluster.id)).length, 4, 'nothing was made for it');

    const [leaving] = await on('large');
    await rest.removeSession(leaving?.session ?? '');
    const fifth = await rest.createSession();
    t.equal(fifth.node, 'large');
    sessions.push(fifth);
  });

  for (const [restarted, other] of [
    ['small', 'large'],
    ['large', 'small'],
  ] as const) {
    await t.test(`${restarted} is killed and restarted: it adopts its own containers and leaves the other's alone`, async (t) => {
      const before = { own: await on(restarted), others: await on(other) };
      const events = await recordContainerEvents(cluster.id);
      t.teardown(() => events.stop());
      // The other one is away meanwhile: whatever happens to its containers is not its own doing.
      await cluster.node(other).kill();
      await cluster.node(restarted).kill();
      await cluster.restartNode(restarted);
      t.same(await on(restarted), before.own, 'the same containers run');
      t.same(await on(other), before.others);
      await cluster.restartNode(other);
      t.same(await on(other), before.others, 'and the other finds all of its own');
      t.same(
        events.seen.filter(({ action }) => !action.startsWith('exec')),
        [],
        'nothing was started, stopped, made or removed',
      );
      for (const { session } of [...before.own, ...before.others]) {
        const seen = await rest.session(session);
        t.equal(seen.state, 'idle');
      }
    });
  }

  await t.test('a node without the image gets no session, however much room it has', async (t) => {
    const identity = await joinByHand(cluster.directory, 'bare', await rest.nodeToken());
    const claims = { clusterId: identity.clusterId, incarnation: identity.incarnation, memoryBytes: 64 * 1024 * MIB, images: [] };
    const bare = await HandMadeNode.dial(`127.0.0.1:${cluster.ports.node}`, identity, claims);
    t.teardown(() => bare.close());
    await bare.until('its assignments', ({ kind }) => kind === 'assignmentSet');
    await bare.heard();
    t.equal((await rest.nodes()).find(({ name }) => name === 'bare')?.status, 'ready');
    const refused = await rest.call('POST', '/sessions', {});
    t.equal(refused.status, 503);
    t.match(errorShape.parse(refused.body).error.message, /bare .*image/);

    const [leaving] = await on('small');
    await rest.removeSession(leaving?.session ?? '');
    t.equal((await rest.createSession()).node, 'small', 'the full one that has it, once there is room');

    bare.send({ kind: 'images', value: { images: [await sessionImage()] } });
    await bare.heard();
    const placed = await rest.call('POST', '/sessions', {});
    t.equal(placed.status, 201);
    t.equal(sessionShape.parse(placed.body).node, 'bare', 'and this one, once it holds the image');
  });
});

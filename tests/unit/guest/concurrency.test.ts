import t from 'tap';
import { World } from './world.ts';

/** A guest whose agent `again` answers three messages at once. Runs end when told. */
async function opened(seed: number): Promise<{ world: World; finish: (message: string) => Promise<void> }> {
  const world = new World(seed);
  world.agents = world.agents.map((agent) => (agent.name === 'again' ? { ...agent, concurrency: 3 } : agent));
  const ends = new Map<string, () => void>();
  world.behaviour = ({ message }) =>
    new Promise((resolve) => {
      ends.set(message, () => resolve({ outcome: 'reply', content: message }));
    });
  await world.start();
  await world.clock.advance(50);
  const finish = async (message: string) => {
    ends.get(message)?.();
    await world.clock.advance(50);
  };
  return { world, finish };
}

const answered = (world: World) =>
  world.posted.map(({ id }) => {
    const [answer] = world.answers.get(id) ?? [];
    return answer === undefined ? '-' : answer.outcome === 'REPLY' ? answer.content : answer.reason;
  });
const ran = (world: World) => world.ran.map(({ message }) => message);

async function post(world: World, ...messages: (readonly [string, string])[]): Promise<void> {
  for (const [agent, content] of messages) world.post(agent, content);
  await world.clock.advance(50);
}

t.test('as many messages run at once as the agent allows; they begin in order, and answers come as they finish', async (t) => {
  const { world, finish } = await opened(1);
  await post(world, ['again', 'a'], ['again', 'b'], ['again', 'c'], ['again', 'd'], ['again', 'e']);
  t.same(ran(world), ['a', 'b', 'c']);
  await finish('b');
  t.same(answered(world), ['-', 'b', '-', '-', '-']);
  t.same(ran(world), ['a', 'b', 'c', 'd']);
  for (const message of ['d', 'c', 'e', 'a']) await finish(message);
  t.same(answered(world), ['a', 'b', 'c', 'd', 'e']);
  t.equal(world.maxRunning, 3);
  t.same(world.broken, []);
});

t.test('a message of another agent waits for all before it, and those behind it wait too', async (t) => {
  const { world, finish } = await opened(2);
  await post(world, ['again', 'a'], ['again', 'b'], ['once', 'c'], ['again', 'd'], ['once', 'e'], ['once', 'f']);
  t.same(ran(world), ['a', 'b']);
  await finish('b');
  t.same(ran(world), ['a', 'b']);
  await finish('a');
  t.same(ran(world), ['a', 'b', 'c']);
  for (const message of ['c', 'd', 'e']) await finish(message);
  t.same(ran(world), ['a', 'b', 'c', 'd', 'e', 'f'], 'one at a time of an agent that allows no more');
  await finish('f');
  t.same(answered(world), ['a', 'b', 'c', 'd', 'e', 'f']);
});

t.test('one of them is cancelled, the others go on; stop and drain reach all of them', async (t) => {
  const { world, finish } = await opened(3);
  await post(world, ['again', 'a'], ['again', 'b'], ['again', 'c'], ['again', 'd']);
  world.cancel(1);
  world.cancel(3);
  await world.clock.advance(50);
  t.same(answered(world), ['-', 'cancelled', '-', 'cancelled']);
  world.stopAgent('again', false);
  await finish('c');
  t.same(answered(world), ['-', 'cancelled', 'c', 'cancelled'], 'a run in progress goes on');
  await finish('a');
  t.same(answered(world), ['a', 'cancelled', 'c', 'cancelled']);
  t.same(world.live, []);

  await post(world, ['again', 'e'], ['again', 'f'], ['again', 'g']);
  world.stopAgent('again', true);
  await world.clock.advance(50);
  t.same(answered(world).slice(4), ['agent_stopped', 'agent_stopped', 'agent_stopped']);

  await post(world, ['again', 'h'], ['again', 'i']);
  world.drainWithin(1000);
  await finish('h');
  t.notOk(world.heard.some(({ kind }) => kind === 'drained'));
  await world.clock.advance(1000);
  t.same(answered(world).slice(7), ['h', 'interrupted']);
  t.ok(world.heard.some(({ kind }) => kind === 'drained'));
  t.same(world.broken, []);
});

t.test('after a crash each message has one answer: what had begun is repeated only if it can be', async (t) => {
  for (const idempotent of [true, false]) {
    const { world, finish } = await opened(4);
    world.agents = world.agents.map((agent) => ({ ...agent, idempotent }));
    world.cutLink();
    await world.clock.advance(1000);
    await post(world, ['again', 'a'], ['again', 'b'], ['again', 'c'], ['again', 'd']);
    await finish('b');
    world.crash(true);
    await world.start();
    await world.clock.advance(1000);
    for (const message of ['d', 'c', 'a']) await finish(message);
    const cut = (content: string) => (idempotent ? content : 'agent_died');
    t.same(answered(world), [cut('a'), 'b', cut('c'), cut('d')]);
    for (const { id } of world.posted) t.ok((world.answers.get(id)?.length ?? 0) >= 1);
    t.same(world.broken, []);
  }
});

t.test('no message overtakes one that is still being stored', async (t) => {
  const { world, finish } = await opened(5);
  await post(world, ['again', 'a']);
  await finish('a');
  await post(world, ['once', 'b'], ['again', 'c']);
  t.same(ran(world), ['a', 'b'], 'the worker of the later one is there, that of the earlier one is not');
  for (const message of ['b', 'c']) await finish(message);
  t.same(answered(world), ['a', 'b', 'c']);
});

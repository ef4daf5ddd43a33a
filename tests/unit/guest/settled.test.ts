import t from 'tap';
import { World } from './world.ts';

async function welcomed(seed = 1): Promise<World> {
  const world = new World(seed);
  await world.start();
  await world.clock.advance(50);
  return world;
}
const ran = (world: World) => world.ran.map(({ message }) => message);

t.test('a message that was settled while its guest was away does not run when it starts', async (t) => {
  const world = await welcomed();
  world.behaviour = () => undefined;
  for (const content of ['begun', 'waiting', 'waiting too']) world.post('once', content);
  await world.clock.advance(50);
  t.same(ran(world), ['begun']);
  world.crash(false);
  world.settledSeq = world.posted[2]?.seq ?? 0;
  world.behaviour = ({ message }) => ({ outcome: 'reply', content: message });
  await world.start();
  await world.clock.advance(50);
  world.post('once', 'new');
  await world.clock.advance(50);
  t.same(ran(world), ['begun', 'new']);
  t.same([...world.answers.keys()], [world.posted[3]?.id], 'and nothing is said of it');
});

t.test(
  'it is let go of for good: what forgets the watermark, as a store restored from a backup, is told that it was settled',
  async (t) => {
    const world = await welcomed();
    world.behaviour = () => undefined;
    world.post('once', 'begun');
    world.post('once', 'waiting');
    await world.clock.advance(50);
    const [begun, waiting] = world.posted;
    if (begun === undefined || waiting === undefined) return t.fail('nothing was posted');
    world.settleUpTo(waiting.seq);
    await world.clock.advance(50);
    world.settledSeq = 0;
    world.cutLink();
    await world.clock.advance(2000);
    world.deliver(waiting, 0);
    await world.clock.advance(50);
    t.match(world.heard.at(-1), { kind: 'accepted', value: { messageId: waiting.id, settled: true } });
    t.same(ran(world), ['begun']);
  },
);

t.test('clearing during a run lets it finish with an answer; waiting and late messages do not run', async (t) => {
  const world = await welcomed();
  let finish: (end: { outcome: 'reply'; content: string }) => void = () => undefined;
  world.behaviour = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  world.post('once', 'running');
  world.post('once', 'waiting');
  await world.clock.advance(50);
  const [running, waiting] = world.posted;
  if (running === undefined || waiting === undefined) return t.fail('nothing was posted');
  const late = { ...waiting, seq: waiting.seq + 1, id: 'late', content: 'late' };
  world.settleUpTo(late.seq);
  await world.clock.advance(10);
  world.deliver(late, 0);
  await world.clock.advance(10);
  finish({ outcome: 'reply', content: 'done' });
  await world.clock.advance(50);
  t.same(ran(world), ['running']);
  t.same([...world.answers.keys()], [running.id]);
  world.behaviour = ({ message }) => ({ outcome: 'reply', content: message });
  world.posted.push(late);
  world.post('once', 'new');
  await world.clock.advance(50);
  t.same(ran(world), ['running', 'new']);
});

t.test('a message settled while its start is written does not run', async (t) => {
  const world = await welcomed();
  let syncs = 0;
  let written: () => void = () => undefined;
  world.disk.onOperation = (operation) => {
    if (operation !== 'sync') return undefined;
    syncs += 1;
    // The first is of the message, the second of the run's start.
    return syncs === 2 ? new Promise((resolve) => (written = resolve)) : undefined;
  };
  world.post('once', 'late');
  await world.clock.advance(50);
  t.equal(syncs, 2);
  world.settleUpTo(world.posted[0]?.seq ?? 0);
  await world.clock.advance(10);
  written();
  await world.clock.advance(50);
  t.same(ran(world), []);
  t.same([...world.answers.keys()], []);
  world.post('once', 'new');
  await world.clock.advance(50);
  t.same(ran(world), ['new']);
});

t.test('a repeated message gets its answer again over the same link until it is settled', async (t) => {
  const world = await welcomed();
  world.settleAnswers = false;
  world.post('once', 'asked');
  await world.clock.advance(50);
  const [asked] = world.posted;
  if (asked === undefined) return t.fail('nothing was posted');
  const heard = () => world.answers.get(asked.id)?.length;
  t.equal(heard(), 1);
  world.deliver(asked, 0);
  await world.clock.advance(50);
  t.equal(heard(), 2);
  world.settle(asked.id);
  world.deliver(asked, 0);
  await world.clock.advance(50);
  t.equal(heard(), 2);
  t.match(world.heard.at(-1), { kind: 'accepted', value: { messageId: asked.id, settled: true } });
  t.same(ran(world), ['asked']);
});

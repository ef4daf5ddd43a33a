import t from 'tap';
import { World } from './world.ts';

/** A guest that works on one message of an agent, with another's and one more of its own behind it. */
async function busy(seed: number): Promise<{ world: World; finish: () => void }> {
  const world = new World(seed);
  let finish = () => {};
  world.behaviour = ({ message }) =>
    message === 'long'
      ? new Promise((resolve) => (finish = () => resolve({ outcome: 'reply', content: 'done' })))
      : { outcome: 'reply', content: message };
  await world.start();
  await world.clock.advance(50);
  world.post('once', 'long');
  world.post('again', 'of another');
  world.post('once', 'behind');
  await world.clock.advance(50);
  return { world, finish: () => finish() };
}

const answered = (world: World) =>
  world.posted.map(({ id }) => {
    const [answer] = world.answers.get(id) ?? [];
    return answer === undefined ? 'nothing' : answer.outcome === 'REPLY' ? answer.content : answer.reason;
  });

t.test('stopping an agent at once interrupts its run and refuses its waiting messages; other agents continue', async (t) => {
  const { world } = await busy(1);
  t.same(world.live, ['once']);
  world.stopAgent('once', true);
  await world.clock.advance(50);
  t.same(answered(world), ['agent_stopped', 'of another', 'agent_stopped']);
  t.same(world.live, ['again'], 'its worker is gone');
  world.post('once', 'later');
  await world.clock.advance(50);
  t.same(answered(world).at(-1), 'later', 'what comes afterwards is not meant');
  t.same(
    world.ran.map(({ message }) => message),
    ['long', 'of another', 'later'],
  );
  t.same(world.broken, []);
});

t.test('deactivating an agent lets its run finish, and then its worker exits', async (t) => {
  const { world, finish } = await busy(2);
  world.stopAgent('once', false);
  await world.clock.advance(50);
  t.same([answered(world), world.live], [['nothing', 'nothing', 'nothing'], ['once']]);
  finish();
  await world.clock.advance(50);
  t.same(answered(world), ['done', 'of another', 'agent_stopped']);
  t.same(world.live, ['again']);
});

t.test('an idle worker exits at once, and a host that reconnects gets the list of live workers', async (t) => {
  const world = new World(3);
  await world.start();
  await world.clock.advance(50);
  world.post('once', 'one');
  world.post('again', 'two');
  await world.clock.advance(50);
  world.live = [];
  world.cutLink();
  await world.clock.advance(1000);
  t.same(world.live, ['once', 'again']);
  world.stopAgent('once', false);
  await world.clock.advance(50);
  t.same(world.live, ['again']);
});

t.test('workers of agents that the session no longer has are ended, after their run', async (t) => {
  const { world, finish } = await busy(4);
  world.agents = world.agents.filter(({ name }) => name !== 'once');
  world.cutLink();
  await world.clock.advance(1000);
  t.same(world.live, ['once'], 'its run goes on');
  finish();
  await world.clock.advance(50);
  t.same(answered(world), ['done', 'of another', 'agent_unknown']);
  t.same(world.live, ['again']);
  world.agents = [];
  world.cutLink();
  await world.clock.advance(1000);
  t.same(world.live, [], 'an idle one at once');
});

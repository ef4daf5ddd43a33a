import t from 'tap';
import { World } from './world.ts';

t.test('an agent with a time limit of its own is interrupted by it, another one by the limit of the guest', async (t) => {
  const world = new World(1);
  world.agents = world.agents.map((agent) => (agent.name === 'again' ? { ...agent, timeoutS: 7 } : agent));
  world.behaviour = () => new Promise(() => undefined);
  await world.start();
  await world.clock.advance(50);
  world.post('again', 'one');
  world.post('once', 'two');
  const reasons = () => world.posted.map(({ id }) => world.answers.get(id)?.[0]?.reason);
  await world.clock.advance(6500);
  t.same(reasons(), [undefined, undefined]);
  await world.clock.advance(1000);
  t.same(reasons(), ['agent_timeout', undefined]);
  t.match(world.answers.get(world.posted[0]?.id ?? '')?.[0]?.content, /within 7 s/);
  await world.clock.advance(290_000);
  t.same(reasons(), ['agent_timeout', undefined]);
  await world.clock.advance(11_000);
  t.same(reasons(), ['agent_timeout', 'agent_timeout']);
});

import t from 'tap';
import { World } from './world.ts';

/** A guest at work on one message, with another agent's and one more of its own behind it. */
async function busy(seed: number, posts = ['long', 'second', 'third']): Promise<{ world: World; finish: (content?: string) => void }> {
  const world = new World(seed);
  let finish = (_content?: string) => {};
  world.behaviour = ({ message }) =>
    message === 'long'
      ? new Promise((resolve) => (finish = (content = 'done') => resolve({ outcome: 'reply', content })))
      : { outcome: 'reply', content: message };
  await world.start();
  await world.clock.advance(50);
  for (const [at, content] of posts.entries()) world.post(at === 1 ? 'again' : 'once', content);
  await world.clock.advance(50);
  return { world, finish: (content) => finish(content) };
}

const answered = (world: World) =>
  world.posted.map(({ id }) => {
    const [answer] = world.answers.get(id) ?? [];
    return answer === undefined ? 'nothing' : answer.outcome === 'REPLY' ? answer.content : answer.reason;
  });
const ran = (world: World) => world.ran.map(({ message }) => message);

t.test('a message that waits never runs, and is answered in its turn', async (t) => {
  const { world, finish } = await busy(1);
  world.cancel(1);
  await world.clock.advance(50);
  t.same(answered(world), ['nothing', 'nothing', 'nothing'], 'no answer overtakes an earlier one');
  finish();
  await world.clock.advance(50);
  t.same(answered(world), ['done', 'cancelled', 'third']);
  t.same(ran(world), ['long', 'third']);
  world.cancel(1);
  world.cancel(0);
  await world.clock.advance(50);
  t.same(answered(world), ['done', 'cancelled', 'third'], 'an answer stands');
  t.same(world.broken, []);
});

t.test('a run in progress is interrupted at once, or after the grace; a repetition only shortens it', async (t) => {
  for (const [graces, afterMs] of [
    [[0], 0],
    [[10_000], 10_000],
    [[10_000, 60_000], 10_000],
    [[10_000, 2000], 2000],
    [[10_000, 0], 0],
  ] as const) {
    const { world } = await busy(2);
    for (const graceMs of graces) world.cancel(0, graceMs);
    if (afterMs > 0) {
      await world.clock.advance(afterMs - 100);
      t.same(answered(world), ['nothing', 'nothing', 'nothing'], `${graces}`);
      await world.clock.advance(100);
    }
    await world.clock.advance(50);
    t.same(answered(world), ['cancelled', 'second', 'third'], `${graces}`);
    t.same(world.broken, []);
  }
});

t.test('a reply within the grace is the answer, and the next message gets all of its time', async (t) => {
  const { world, finish } = await busy(3, ['long', 'second']);
  world.cancel(0, 10_000);
  await world.clock.advance(5000);
  finish('in time');
  await world.clock.advance(50);
  world.post('once', 'long');
  await world.clock.advance(20_000);
  t.same(answered(world), ['in time', 'second', 'nothing']);
  finish();
  await world.clock.advance(50);
  t.equal(answered(world).at(-1), 'done');
});

t.test('it is known before its message arrives, and to every later life of the guest', async (t) => {
  const { world, finish } = await busy(4, ['long', 'second', 'third']);
  world.cancel(1);
  world.cancel(0, 60_000);
  await world.clock.advance(50);
  world.crash(false);
  await world.start();
  await world.clock.advance(1000);
  t.same(answered(world), ['cancelled', 'cancelled', 'third']);
  finish();
  t.same(ran(world), ['long', 'third'], 'nothing begins twice');
});

t.test('a message that was cancelled before its delivery never runs, whatever its grace', async (t) => {
  const world = new World(5);
  await world.start();
  await world.clock.advance(50);
  world.cutLink();
  world.post('once', 'first');
  world.cancel(0, 60_000);
  await world.clock.advance(2000);
  t.same(answered(world), ['cancelled']);
  t.same(ran(world), []);
});

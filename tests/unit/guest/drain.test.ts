import t from 'tap';
import { World } from './world.ts';

async function welcomed(seed = 1): Promise<World> {
  const world = new World(seed);
  await world.start();
  await world.clock.advance(50);
  return world;
}
const drained = (world: World) => world.heard.flatMap((frame) => (frame.kind === 'drained' ? [frame.value.acceptedSeq] : []));
/** Of each message; an answer may be said again in a later life. */
const reasons = (world: World) =>
  world.posted.map(
    ({ id }) => world.answers.has(id) && [...new Set(world.answers.get(id)?.map(({ outcome, reason }) => reason || outcome))],
  );
/** Agents that take `ms` for each message. */
const working = (world: World, ms: number) => {
  world.behaviour = async ({ message }) => {
    await new Promise<void>((resolve) => world.clock.after(ms, resolve));
    return { outcome: 'reply', content: `re: ${message}` };
  };
};

t.test('within the grace period the run ends, nothing else starts, and the rest runs after the next start', async (t) => {
  const world = await welcomed();
  working(world, 1000);
  world.post('once');
  world.post('once');
  await world.clock.advance(50);
  world.drainWithin(5000);
  await world.clock.advance(900);
  t.same(drained(world), [], 'not before its end');
  world.post('once', 'too late');
  await world.clock.advance(3000);
  const [, second, third] = world.posted;
  t.same(reasons(world), [['REPLY'], false, false]);
  t.same(drained(world), [second?.seq], 'what came too late was not taken');
  t.equal(world.heard.at(-1)?.kind, 'drained', 'said after all else');

  world.crash(true);
  world.drain = null;
  world.posted.splice(2);
  await world.start();
  await world.clock.advance(2000);
  t.same(reasons(world), [['REPLY'], ['REPLY']], 'without being asked for again');
  if (third !== undefined) world.posted.push(third);
  if (third !== undefined) world.deliver(third);
  await world.clock.advance(2000);
  t.same(reasons(world), [['REPLY'], ['REPLY'], ['REPLY']]);
});

t.test('after the grace period, or at once without one, the run is interrupted and answered so', async (t) => {
  for (const graceMs of [0, 300]) {
    const world = await welcomed();
    working(world, 60_000);
    world.post('once');
    world.post('once');
    await world.clock.advance(50);
    world.drainWithin(graceMs);
    await world.clock.advance(graceMs + 20);
    t.same(reasons(world), [['interrupted'], false]);
    t.equal(drained(world).length, 1);
  }
});

t.test('a guest welcomed with a drain starts nothing, and an idle one is drained at once', async (t) => {
  const world = await welcomed();
  working(world, 60_000);
  world.drainWithin(1000);
  await world.clock.advance(20);
  t.same(drained(world), [0]);
  world.drainWithin(undefined);
  world.post('again');
  world.post('once');
  await world.clock.advance(50);
  world.crash(false);
  world.drain = { graceMs: 1000 };
  await world.start();
  await world.clock.advance(500);
  t.equal(drained(world).length, 2);
  t.equal(world.ran.length, 1);
});

t.test('a cancelled drain has no effect: waiting messages run, and nothing is lost', async (t) => {
  const world = await welcomed();
  working(world, 100);
  world.post('once');
  world.post('once');
  await world.clock.advance(50);
  world.drainWithin(5000);
  await world.clock.advance(20);
  world.post('once', 'meanwhile');
  world.drainWithin(undefined);
  await world.clock.advance(1000);
  const [, , third] = world.posted;
  t.same(drained(world), []);
  if (third !== undefined) world.deliver(third);
  await world.clock.advance(1000);
  t.same(reasons(world), [['REPLY'], ['REPLY'], ['REPLY']]);
});

t.test('the end of a drain does not overtake an answer that waits for the link', async (t) => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const world = await welcomed(seed);
    working(world, 100);
    world.refusal = 0.5;
    for (let count = 0; count < 3; count += 1) world.post('once');
    await world.clock.advance(150);
    world.drainWithin(1000);
    await world.clock.advance(3000);
    const said = world.heard.map(({ kind }) => kind);
    t.ok(drained(world).length >= 1, `seed ${seed}`);
    t.ok(said.lastIndexOf('answer') < said.lastIndexOf('drained'), `seed ${seed}: ${said.join()}`);
  }
});

t.test('a message whose predecessor was lost is not accepted, so that neither is lost', async (t) => {
  const world = await welcomed();
  world.post('once');
  await world.clock.advance(50);
  const seq = world.posted[0]?.seq ?? 0;
  const [lost, later] = [seq + 1, seq + 2].map((number) => ({ seq: number, id: `m${number}`, agent: 'once', content: `m${number}` }));
  if (lost === undefined || later === undefined) return t.fail();
  world.posted.push(lost, later);
  world.deliver(later);
  await world.clock.advance(50);
  t.same(reasons(world), [['REPLY'], false, false]);
  world.deliver(lost);
  world.deliver(later);
  await world.clock.advance(50);
  t.same(reasons(world), [['REPLY'], ['REPLY'], ['REPLY']]);
});

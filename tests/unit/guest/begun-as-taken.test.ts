/** A message that reaches an idle guest whose agent's process is there: it is begun in the write that takes it. */
import t, { type Test } from 'tap';
import type { RunEnd } from '../../../guest/runs/worker-host.ts';
import { World } from './world.ts';

/** The agent has answered a first message, so its process is there. */
async function warm(seed = 1): Promise<World> {
  const world = new World(seed);
  await world.start();
  await world.clock.advance(50);
  world.post('once', 'first');
  await world.clock.advance(50);
  world.ran.length = 0;
  world.heard.length = 0;
  return world;
}
const ran = (world: World) => world.ran.map(({ message }) => message);
const kinds = (world: World) => world.heard.map(({ kind }) => kind);
const reasonOf = (world: World, content: string) => {
  const answer = world.answers.get(world.posted.find((one) => one.content === content)?.id ?? '')?.[0];
  return answer && (answer.reason || answer.outcome);
};

/** The next sync waits until it is let go on. Resolves once it has begun. */
function holdSync(t: Test, world: World) {
  let go: () => void = () => undefined;
  let isHeld = false;
  world.disk.onOperation = (operation) => {
    if (operation !== 'sync' || isHeld) return undefined;
    isHeld = true;
    return new Promise((resolve) => (go = resolve));
  };
  return async () => {
    t.ok(isHeld, 'the disk syncs');
    go();
    await world.clock.advance(50);
  };
}

t.test('storing and starting a message take one sync, its answer a second; both are reported in one turn', async (t) => {
  const world = await warm();
  const before = world.guest?.syncs ?? 0;
  world.post('once', 'hello');
  await world.clock.advance(50);
  t.equal((world.guest?.syncs ?? 0) - before, 2);
  t.same(kinds(world), ['accepted', 'runStarted', 'answer']);
  const started = world.heard[1];
  t.equal(started?.kind === 'runStarted' && started.value.runId, world.ran[0]?.runId);
  t.equal(world.answers.get(world.posted[1]?.id ?? '')?.[0]?.runId, world.ran[0]?.runId);
  t.equal(world.roomAsked, 1, 'processes were counted for the first message alone, which started one');
});

t.test('nothing is acknowledged or run before the sync', async (t) => {
  const world = await warm();
  const go = holdSync(t, world);
  world.post('once', 'hello');
  world.post('once', 'behind it');
  await world.clock.advance(50);
  t.same([kinds(world), ran(world)], [[], []]);
  await go();
  t.same(ran(world), ['hello', 'behind it'], 'in their order');
});

t.test('after a power cut during that write, the agent has run nothing, and each message has one answer', async (t) => {
  const outcomes = new Set<string | undefined>();
  for (let seed = 1; seed <= 60; seed += 1) {
    const world = await warm(seed);
    holdSync(t, world);
    world.post('once', 'hello'.repeat(20));
    await world.clock.advance(50);
    world.disk.onOperation = () => undefined;
    world.crash(true);
    t.same(ran(world), []);
    await world.start();
    await world.clock.advance(1000);
    const outcome = reasonOf(world, 'hello'.repeat(20));
    outcomes.add(outcome);
    t.same(ran(world).length, outcome === 'REPLY' ? 1 : 0);
    t.same(world.broken, []);
  }
  t.same(outcomes, new Set(['REPLY', 'agent_died']), 'the start of its run was there, or not');
});

t.test('a message without room is refused and not started, and the next one runs', async (t) => {
  const world = await warm();
  world.settleAnswers = false;
  world.disk.capacityBytes = 0;
  world.post('once', 'x'.repeat(100_000));
  await world.clock.advance(50);
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
  world.post('once', 'small');
  await world.clock.advance(50);
  t.same(ran(world), ['small']);
  t.same([reasonOf(world, 'x'.repeat(100_000)), reasonOf(world, 'small')], ['disk_full', 'REPLY']);
});

t.test('a message settled while it is written does not run', async (t) => {
  const world = await warm();
  const go = holdSync(t, world);
  world.post('once', 'late');
  await world.clock.advance(10);
  world.settleUpTo(world.posted[1]?.seq ?? 0);
  await world.clock.advance(10);
  await go();
  world.post('once', 'new');
  await world.clock.advance(50);
  t.same(ran(world), ['new']);
  t.equal(reasonOf(world, 'late'), undefined);
});

t.test('a message whose agent is stopped while it is written does not run, and the next one gets a new process', async (t) => {
  for (const interrupt of [false, true]) {
    const world = await warm();
    const go = holdSync(t, world);
    world.post('once', 'late');
    await world.clock.advance(10);
    world.stopAgent('once', interrupt);
    await world.clock.advance(10);
    await go();
    t.equal(reasonOf(world, 'late'), 'agent_stopped');
    world.post('once', 'new');
    await world.clock.advance(50);
    t.same(ran(world), ['new']);
    t.equal(world.started, 2);
  }
});

t.test('a drain during the write waits for the run, or interrupts it without a grace period', async (t) => {
  for (const [graceMs, outcome] of [
    [1000, 'REPLY'],
    [0, 'interrupted'],
  ] as const) {
    const world = await warm();
    const go = holdSync(t, world);
    world.post('once', 'late');
    await world.clock.advance(10);
    world.drainWithin(graceMs);
    await world.clock.advance(10);
    t.notOk(kinds(world).includes('drained'));
    await go();
    t.equal(reasonOf(world, 'late'), outcome);
    t.equal(kinds(world).at(-1), 'drained');
    world.drainWithin(undefined);
    world.post('once', 'new');
    await world.clock.advance(50);
    t.equal(reasonOf(world, 'new'), 'REPLY', 'taken back, it goes on');
  }
});

t.test('a message that cannot start at once is only stored: it needs newer secrets, another runs, or its agent is unknown', async (t) => {
  const world = await warm();
  world.givesSecrets = false;
  world.secrets = { version: 5, values: { KEY: 'new' } };
  world.post('once', 'with secrets');
  await world.clock.advance(50);
  t.same([kinds(world), ran(world)], [['accepted', 'secretsRequest'], []]);
  world.tellSecrets();
  await world.clock.advance(50);
  t.same(ran(world), ['with secrets']);
  t.same(world.ran[0]?.environment, { KEY: 'new' });

  let finish: (end: RunEnd) => void = () => undefined;
  world.behaviour = () => new Promise((resolve) => (finish = resolve));
  world.post('once', 'runs');
  await world.clock.advance(50);
  world.post('once', 'waits');
  await world.clock.advance(50);
  t.same(ran(world), ['with secrets', 'runs']);
  world.behaviour = ({ message }) => ({ outcome: 'reply', content: message });
  finish({ outcome: 'reply', content: 'done' });
  await world.clock.advance(50);
  t.same([reasonOf(world, 'runs'), reasonOf(world, 'waits')], ['REPLY', 'REPLY']);

  world.post('nobody', 'to nobody');
  await world.clock.advance(50);
  t.equal(reasonOf(world, 'to nobody'), 'agent_unknown');
  t.equal(world.maxRunning, 1);
});

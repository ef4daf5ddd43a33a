import t from 'tap';
import type { RunEnd } from '../../../guest/runs/worker-host.ts';
import { World } from './world.ts';

async function settledWorld(seed = 1): Promise<World> {
  const world = new World(seed);
  await world.start();
  await world.clock.advance(50);
  return world;
}
const only = (world: World, id: string) => world.answers.get(id)?.[0];
const kinds = (world: World) => world.heard.map(({ kind }) => kind);

t.test('a message is acknowledged, run and answered, with two syncs if its agent is running', async (t) => {
  const world = await settledWorld();
  world.behaviour = ({ message }, output) => {
    output.delta('re: ');
    output.delta(message);
    output.line('STDOUT', 'working');
    return { outcome: 'reply', content: `re: ${message}` };
  };
  world.post('once', 'hello');
  await world.clock.advance(50);
  t.strictSame(kinds(world), ['hello', 'accepted', 'runStarted', 'delta', 'answer']);
  t.match(only(world, world.posted[0]?.id ?? ''), { outcome: 'REPLY', content: 're: hello', reason: '', agent: 'once', runId: 'run-1-1' });
  t.match(world.heard[3], { value: { number: 1, text: 're: hello' } }, 'deltas of one turn are one frame');
  const before = world.guest?.syncs ?? 0;
  for (let index = 0; index < 5; index += 1) {
    world.post('once');
    await world.clock.advance(50);
  }
  t.equal((world.guest?.syncs ?? 0) - before, 5 * 2);
  t.equal(world.answers.size, 6);
  t.equal(world.started, 1, 'one worker answered all');
});

t.test('a repeated message is acknowledged twice and runs once', async (t) => {
  const world = await settledWorld();
  world.post('once');
  const message = world.posted[0];
  if (!message) return t.fail('nothing was posted');
  world.deliver(message);
  await world.clock.advance(50);
  world.deliver(message);
  await world.clock.advance(50);
  t.equal(world.ran.length, 1);
  t.equal(kinds(world).filter((kind) => kind === 'accepted').length, 3);
  const settled = world.heard.flatMap((frame) => (frame.kind === 'accepted' ? [frame.value.settled] : []));
  t.same(settled, [false, false, true], 'one that was settled before, and whose answer the controller must have, is told so');
  t.equal(world.answers.get(message.id)?.length, 2, 'its answer is said as often as it came, until it is settled');
});

t.test('a run continues while the host is away; its answer is sent on the next link, repeatedly until it is settled', async (t) => {
  const world = await settledWorld();
  world.settleAnswers = false;
  let finish: (end: { outcome: 'reply'; content: string }) => void = () => undefined;
  world.behaviour = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  world.post('once');
  await world.clock.advance(50);
  world.cut = 1;
  world.cutLink();
  await world.clock.advance(1000);
  finish({ outcome: 'reply', content: 'late' });
  await world.clock.advance(1000);
  const id = world.posted[0]?.id ?? '';
  t.notOk(world.answers.has(id));
  world.cut = 0;
  await world.clock.advance(1000);
  t.equal(only(world, id)?.content, 'late');
  world.cutLink();
  await world.clock.advance(1000);
  t.equal(world.answers.get(id)?.length, 2);
  world.settle(id);
  await world.clock.advance(50);
  world.cutLink();
  await world.clock.advance(1000);
  t.equal(world.answers.get(id)?.length, 2, 'and no more once it is');
  t.equal(world.ran.length, 1);
});

t.test('after a restart, an interrupted run is answered with agent_died, or repeated if its agent is idempotent', async (t) => {
  const world = await settledWorld();
  world.behaviour = () => undefined;
  world.post('once', 'first');
  world.post('again', 'second');
  await world.clock.advance(50);
  world.crash(true);
  world.behaviour = ({ message }) =>
    world.ran.filter((one) => one.message === message).length > 1 ? { outcome: 'reply', content: 'done' } : undefined;
  await world.start();
  await world.clock.advance(50);
  t.match(only(world, world.posted[0]?.id ?? ''), { outcome: 'ERROR', reason: 'agent_died', runId: 'run-1-1' });
  world.crash(false);
  await world.start();
  await world.clock.advance(1000);
  t.match(only(world, world.posted[1]?.id ?? ''), { outcome: 'REPLY', content: 'done' });
  t.strictSame(
    world.ran.map(({ message }) => message),
    ['first', 'second', 'second'],
  );
});

t.test('each failure has its reason', async (t) => {
  const world = await settledWorld();
  world.behaviour = ({ message }) => {
    if (message === 'large') return { outcome: 'reply', content: 'ü'.repeat(600_000) };
    if (message === 'raises') return { outcome: 'error', reason: 'agent_failed', content: 'no such thing' };
    return undefined;
  };
  world.mailboxBytes = 8 * 1024 * 1024;
  for (const [agent, content] of [
    ['nobody', 'x'],
    ['once', 'large'],
    ['once', 'raises'],
    ['once', 'hangs'],
  ] as const) {
    world.post(agent, content);
  }
  await world.clock.advance(299_000);
  // A frozen container: whatever time went by counts as one tick at most.
  world.clock.sleep(3_600_000);
  await world.clock.advance(0);
  t.equal(world.answers.size, 3, 'frozen time does not count');
  await world.clock.advance(5000);
  t.strictSame(
    world.posted.map(({ id }) => only(world, id)?.reason),
    ['agent_unknown', 'reply_too_large', 'agent_failed', 'agent_timeout'],
  );
  t.equal(only(world, world.posted[2]?.id ?? '')?.content, 'no such thing');
  world.behaviour = () => ({ outcome: 'reply', content: 'fine' });
  world.post('once');
  await world.clock.advance(50);
  t.equal(only(world, world.posted[4]?.id ?? '')?.content, 'fine', 'a killed worker is replaced');
});

t.test('a guest with a full disk still answers: what fits runs, the rest is disk_full', async (t) => {
  const world = new World(7);
  world.mailboxBytes = 128 * 1024;
  await world.start();
  await world.clock.advance(50);
  world.disk.capacityBytes = 256 * 1024;
  world.settleAnswers = false;
  world.behaviour = ({ message }) => ({ outcome: 'reply', content: message.startsWith('grow') ? 'x'.repeat(500_000) : 'ok' });
  for (const content of ['a'.repeat(100_000), 'small', 'grow', 'small']) world.post('once', content);
  await world.clock.advance(200);
  t.strictSame(
    world.posted.map(({ id }) => only(world, id)?.reason),
    ['disk_full', '', '', ''],
    'an answer that does not fit was sent before that was known',
  );
  world.crash(true);
  await world.start();
  await world.clock.advance(50);
  for (const [at, { id }] of world.posted.entries()) {
    const reasons = world.answers.get(id)?.map(({ reason }) => reason) ?? [];
    t.ok(reasons.length > 1, 'and says it after a crash');
    const same = at === 0 ? ['disk_full'] : [''];
    t.same(new Set(reasons), new Set(at === 2 ? ['', 'disk_full'] : same), 'the same, or that the answer did not fit');
  }
  t.strictSame(world.faults, []);
});

t.test('an answer is sent while the disk syncs it; the next run waits for the sync', async (t) => {
  const world = await settledWorld(11);
  world.settleAnswers = false;
  let release: () => void = () => undefined;
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    release = resolve;
    world.disk.onOperation = (operation) => (operation === 'sync' ? promise : undefined);
  };
  world.behaviour = () => {
    hold();
    return { outcome: 'reply', content: 'done' };
  };
  world.post('again', 'one');
  world.post('again', 'two');
  await world.clock.advance(50);
  const [one, two] = world.posted;
  if (one === undefined || two === undefined) return t.fail('nothing was posted');
  t.match(world.answers.get(one.id), [{ content: 'done' }], 'sent');
  t.equal(world.ran.length, 1, 'the second does not run yet');
  release();
  await world.clock.advance(50);
  t.strictSame(
    world.ran.map(({ message }) => message),
    ['one', 'two'],
  );
  t.equal(world.answers.get(two.id)?.length, 1);

  // The process dies before the sync of the second answer. The controller has it: nothing runs again.
  world.crash(true);
  world.disk.onOperation = () => undefined;
  world.settledSeq = two.seq;
  await world.start();
  await world.clock.advance(50);
  t.equal(world.ran.length, 2);
  t.strictSame(world.faults, []);
});

t.test('a message that overtook another is ignored until both are sent again', async (t) => {
  const world = await settledWorld(9);
  const [first, second] = [1, 2].map((seq) => ({ seq, id: `m${seq}`, agent: 'once', content: `m${seq}` }));
  if (first === undefined || second === undefined) return t.fail();
  // The first was sent to a guest that is gone; the second to whoever came after it.
  world.deliver(second, 1);
  await world.clock.advance(50);
  t.equal(world.highestAccepted, 0);
  world.deliver(first);
  world.deliver(second, 1);
  await world.clock.advance(50);
  t.strictSame(
    world.ran.map(({ message }) => message),
    ['m1', 'm2'],
  );
  world.deliver(second, 1);
  await world.clock.advance(50);
  t.equal(world.ran.length, 2, 'a copy is known');
});

t.test('a message refused by a full disk is answered after the run before it, also after a restart', async (t) => {
  const world = new World(8);
  world.settleAnswers = false;
  await world.start();
  await world.clock.advance(50);
  let end: (end: RunEnd) => void = () => undefined;
  world.behaviour = () =>
    new Promise((resolve) => {
      end = resolve;
    });
  world.post('again', 'short');
  await world.clock.advance(50);
  world.disk.capacityBytes = 0;
  world.post('again', 'x'.repeat(100_000));
  await world.clock.advance(50);
  t.equal(world.highestAccepted, world.posted[1]?.seq, 'it is taken');
  t.equal(world.answers.size, 0, 'and waits for its turn');
  world.crash(true);
  await world.start();
  await world.clock.advance(50);
  t.equal(world.answers.size, 0);
  end({ outcome: 'reply', content: 'done' });
  await world.clock.advance(50);
  t.strictSame(
    [...world.answers.values()].map(([answer]) => answer?.reason),
    ['', 'disk_full'],
  );
});

t.test('a mailbox of another session is emptied', async (t) => {
  const world = await settledWorld();
  world.settleAnswers = false;
  world.post('once');
  await world.clock.advance(50);
  world.crash(false);
  world.sessionId = 'copy';
  world.highestAccepted = 0;
  world.heard.length = 0;
  world.posted.length = 0;
  await world.start();
  await world.clock.advance(50);
  t.match(world.heard, [{ kind: 'hello', value: { sessionId: 'copy', acceptedSeq: 0, unsettled: 0 } }]);
  t.equal(world.heard.length, 1);
});

t.test('a host that names another session ends the guest', async (t) => {
  const world = new World(1);
  await world.start();
  world.sessionId = 'other';
  await world.clock.advance(50);
  t.match(world.faults, [/named session other/]);
});

t.test('a worker is replaced if its agent or the secrets change, and not if the host repeats the same', async (t) => {
  const world = await settledWorld();
  const after = async (change: () => void) => {
    change();
    world.cutLink();
    await world.clock.advance(1000);
    world.post('once');
    await world.clock.advance(50);
    return world.started;
  };
  t.equal(await after(() => undefined), 1);
  t.equal(await after(() => undefined), 1);
  t.equal(
    await after(() => {
      world.secrets = { version: 1, values: { KEY: 'secret' } };
    }),
    2,
  );
  t.equal(
    await after(() => {
      world.agents = world.agents.map((agent) => ({ ...agent, handler: 'other.handler' }));
    }),
    3,
  );
});

t.test('under any cuts, losses and crashes, each message gets one answer, in order, and only idempotent ones run twice', async (t) => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const world = new World(seed);
    const { fraction, clock } = world;
    // Large enough that the journal is compacted now and then.
    world.contextJson = `"${'x'.repeat(6000)}"`;
    world.behaviour = async ({ message }, output) => {
      output.delta('part');
      await new Promise<void>((resolve) => clock.after(fraction() * 60, resolve));
      return fraction() < 0.2
        ? { outcome: 'error', reason: 'agent_failed', content: `raised ${message}` }
        : { outcome: 'reply', content: `re: ${message} ${fraction()}` };
    };
    let crash: { operations: number; readonly power: boolean } | undefined;
    let slow = false;
    world.disk.onOperation = async () => {
      if (slow) await new Promise<void>((resolve) => clock.after(fraction() * 5, resolve));
      if (crash) crash.operations -= 1;
      if (crash?.operations !== 0) return;
      world.crash(crash.power);
      crash = undefined;
    };
    const live = async () => {
      slow = false;
      while (!world.guest) await world.start().catch(() => world.crash(fraction() < 0.5));
      slow = true;
    };
    for (let step = 0; step < 40; step += 1) {
      world.refusal = fraction() < 0.5 ? 0 : fraction() * 0.3;
      world.cut = fraction() < 0.5 ? 0 : fraction() * 0.1;
      world.settleAnswers = fraction() < 0.7;
      await live();
      const dice = fraction();
      if (dice < 0.5) world.post(fraction() < 0.5 ? 'once' : 'again');
      else if (dice < 0.6) world.cutLink();
      else if (dice < 0.8) crash = { operations: 1 + Math.floor(fraction() * 6), power: fraction() < 0.5 };
      await clock.advance(fraction() * 80);
    }
    crash = undefined;
    world.refusal = 0;
    world.cut = 0;
    world.settleAnswers = true;
    await live();
    world.cutLink();
    await clock.advance(10_000);

    t.strictSame([...world.broken, ...world.faults], [], `seed ${seed}: what was acknowledged stays so`);
    t.strictSame(world.outstanding(), [], `seed ${seed}: every message is answered`);
    for (const [id, answers] of world.answers) {
      const runs = world.ran.filter(({ message }) => message === id);
      const once = world.posted.find((one) => one.id === id)?.agent === 'once';
      if (once && runs.length > 1) t.fail(`seed ${seed}: ${id} ran twice`);
      // A reply is sent before it is durable. After a crash, another answer can follow that is dropped.
      const different = new Set(answers.map(({ runId, outcome, reason, content }) => [runId, outcome, reason, content].join()));
      if (
        different.size > 1 &&
        answers.some(({ outcome }, at) => at > 0 && once && outcome === 'REPLY' && answers[at - 1]?.outcome !== outcome)
      )
        t.fail(`seed ${seed}: a reply to ${id} followed an error`, { answers });
      for (const { outcome, runId } of answers)
        if (outcome === 'REPLY' && !runs.some((run) => run.runId === runId)) t.fail(`seed ${seed}: ${id} has the answer of another run`);
    }
    const firsts = [...new Set(world.ran.map(({ message }) => Number(message.slice(1))))];
    t.strictSame(
      firsts,
      firsts.toSorted((a, b) => a - b),
      `seed ${seed}: in order`,
    );
    if (world.maxRunning > 1) t.fail(`seed ${seed}: two at a time`);
    world.crash(false);
  }
});

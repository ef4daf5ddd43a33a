import t, { type Test } from 'tap';
import { Journal } from '../../../../journal/journal.ts';
import { Conditions } from '../../../../node-agent/conditions.ts';
import { EngineTurns, MAX_CALLS } from '../../../../node-agent/engine/engine-turns.ts';
import { ENGINE_HUNG } from '../../../../node-agent/engine/engine-watch.ts';
import { Ledger } from '../../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../../node-agent/node.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HollowHost } from '../../../hollow/hollow.ts';
import type { HollowOptions } from '../../../hollow/options.ts';
import { silent } from '../../controller/core.ts';
import { HandClock } from '../../hand-clock.ts';
import { SimulatedDisk } from '../../journal/simulated-disk.ts';
import { assigned, deliver, HandController, IMAGE } from '../hand-controller.ts';

const idOf = (at: number) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;

interface Before {
  readonly clock: HandClock;
  readonly host: HollowHost;
  readonly disk: SimulatedDisk;
}

/** A node on time that the test moves, over an engine of which it sees every call. `before`: it is started again on what another life left. */
async function world(t: Test, options: Partial<HollowOptions> = {}, before?: Before) {
  const clock = before?.clock ?? new HandClock();
  const controller = new HandController(clock);
  const engine = { hangs: false, now: 0, most: 0, calls: new Map<string, number>() };
  const host = before?.host ?? new HollowHost({ clock, random: systemRandom, images: [IMAGE], ...options });
  const disk = before?.disk ?? new SimulatedDisk();
  const own = new Map<PropertyKey, unknown>();
  /** A call that hangs takes effect when the engine goes on, whoever still waits for it. */
  const driver = new Proxy(host, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || !COUNTED.has(String(name))) return typeof member === 'function' ? member.bind(target) : member;
      const known = own.get(name);
      if (known !== undefined) return known;
      const call = async (...given: unknown[]) => {
        const signal = given.findLast((one) => one instanceof AbortSignal);
        engine.calls.set(String(name), (engine.calls.get(String(name)) ?? 0) + 1);
        if (name !== 'ping') engine.now += 1;
        engine.most = Math.max(engine.most, engine.now);
        const effect = (async () => {
          while (engine.hangs) await new Promise<void>((resolve) => void clock.after(100, resolve));
          return Reflect.apply(
            member,
            target,
            given.map((one) => (one instanceof AbortSignal ? new AbortController().signal : one)),
          );
        })();
        const cut = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
        try {
          return await Promise.race([effect, cut]);
        } finally {
          if (name !== 'ping') engine.now -= 1;
        }
      };
      own.set(name, call);
      return call;
    },
  });
  const { journal, records } = await Journal.open({ disk, directory: '/node', name: 'ledger' });
  const conditions = new Conditions(clock, silent);
  const node = new NodeAgent({
    ...{ nodeId: 'node', clusterId: 'cluster', incarnation: 1, version: '0', hostname: 'host', capacity: {}, conditions },
    ...{
      driver,
      listener: host,
      ledger: await Ledger.open(journal, records, 1),
      dialer: controller,
      clock,
      random: systemRandom,
      log: silent,
    },
  });
  const started = node.start();
  await clock.advance(2_000);
  await started;
  let closed: Promise<void> | undefined;
  const close = async () => {
    engine.hangs = false;
    closed ??= node.close();
    await clock.advance(70_000);
    await closed;
  };
  t.teardown(close);
  return { clock, controller, engine, host, disk, conditions, close };
}

const COUNTED: ReadonlySet<string> = new Set([
  'list',
  'observe',
  'volume',
  'createContainer',
  'start',
  'pause',
  'unpause',
  'removeContainer',
  'ping',
]);

async function begin({ clock, controller }: Awaited<ReturnType<typeof world>>, sessions: ReturnType<typeof assigned>[]) {
  controller.welcome(10 ** 9, 10 ** 9);
  controller.say({ kind: 'assignmentSet', value: { setId: 'set', assignments: sessions, tombstones: [], part: 0, more: false } });
  await clock.advance(5_000);
}

t.test('an engine that hangs: a condition within ten seconds, messages go on, and nothing is done twice', async (t) => {
  const it = await world(t);
  const { clock, controller, engine, host, conditions } = it;
  await begin(it, [assigned(idOf(1)), assigned(idOf(2))]);
  t.equal(host.containers.get(idOf(1))?.state, 'running');
  const before = host.containers.get(idOf(1))?.id;

  engine.hangs = true;
  await clock.advance(10_000);
  t.match(conditions.all(), [{ type: ENGINE_HUNG, unschedulable: true, message: /does not answer/ }]);
  t.match(controller.heard('conditions').at(-1), { conditions: [{ type: ENGINE_HUNG, unschedulable: true }] }, 'the controller knows');
  controller.say(deliver(idOf(1), 1, 'hello'));
  await clock.advance(100);
  t.match(controller.heard('answer'), [{ sessionId: idOf(1), content: 'echo: hello' }], 'a running session answers');

  const counts = new Map(engine.calls);
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [assigned(idOf(3))], tombstones: [] } });
  host.end(idOf(2));
  await clock.advance(300_000);
  for (const call of ['list', 'observe', 'volume', 'createContainer', 'start']) {
    t.ok((engine.calls.get(call) ?? 0) - (counts.get(call) ?? 0) <= 1, `${call} is not asked for again and again`);
  }
  t.equal(conditions.all().length, 1);

  engine.hangs = false;
  await clock.advance(20_000);
  t.same(conditions.all(), []);
  t.match(controller.heard('conditions').at(-1), { conditions: [] });
  t.same(
    [1, 2, 3].map((at) => host.containers.get(idOf(at))?.state),
    ['running', 'running', 'running'],
    'all that was asked for meanwhile is done',
  );
  t.equal(host.containers.get(idOf(1))?.id, before);
  t.equal((engine.calls.get('createContainer') ?? 0) - (counts.get('createContainer') ?? 0), 1, 'and once');
});

t.test('an engine that is slow for a moment is no reason for a condition', async (t) => {
  const it = await world(t);
  for (let round = 0; round < 5; round += 1) {
    it.engine.hangs = true;
    await it.clock.advance(2_400);
    it.engine.hangs = false;
    await it.clock.advance(10_000);
    t.same(it.conditions.all(), []);
  }
});

t.test('a burst of sessions and their first looks take few calls at once', async (t) => {
  const it = await world(t, { callMs: () => 40 });
  it.engine.most = 0;
  await begin(
    it,
    Array.from({ length: 200 }, (_, at) => assigned(idOf(at))),
  );
  await it.clock.advance(60_000);
  t.equal([...it.host.containers.values()].filter(({ state }) => state === 'running').length, 200);
  t.ok(it.engine.most <= MAX_CALLS, `${it.engine.most} at once`);
});

t.test('a session that is to be gone before its turn at the engine came is not started', async (t) => {
  const it = await world(t, { callMs: (call) => (call === 'start' ? 1_000 : 1) });
  const sessions = Array.from({ length: 3 * MAX_CALLS }, (_, at) => assigned(idOf(at)));
  const starts = () => it.engine.calls.get('start') ?? 0;
  it.controller.welcome(10 ** 9, 10 ** 9);
  it.controller.say({ kind: 'assignmentSet', value: { setId: 'set', assignments: sessions, tombstones: [], part: 0, more: false } });
  for (let passed = 0; starts() < MAX_CALLS && passed < 10_000; passed += 10) await it.clock.advance(10);
  t.equal(starts(), MAX_CALLS, 'as many as may be are being started');
  const tombstones = sessions.map(({ sessionId }) => ({ sessionId, upToGeneration: 1 }));
  it.controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [], tombstones } });
  await it.clock.advance(60_000);
  t.equal(starts(), MAX_CALLS, 'and none of the others');
  t.same([...it.host.containers.keys()], []);
});

for (const [call, from, to] of [
  ['removeContainer', 'DESIRED_RUNNING', 'DESIRED_SUSPENDED'],
  ['pause', 'DESIRED_RUNNING', 'DESIRED_PAUSED'],
  ['unpause', 'DESIRED_PAUSED', 'DESIRED_RUNNING'],
] as const)
  t.test(`${call}: a session whose desired state changed back before its turn at the engine came is left as it is`, async (t) => {
    const it = await world(t, { callMs: (one) => (one === call ? 1_000 : 1) });
    const ids = Array.from({ length: 3 * MAX_CALLS }, (_, at) => idOf(at));
    await begin(
      it,
      ids.map((id) => assigned(id)),
    );
    let number = 0;
    const want = (generation: number, desired: typeof from | typeof to) => {
      number += 1;
      const assignments = ids.map((id) => assigned(id, generation, desired, true));
      it.controller.say({ kind: 'assignmentChange', value: { setId: 'set', number, assignments, tombstones: [] } });
    };
    want(2, from);
    await it.clock.advance(10_000);
    const containers = () => ids.map((id) => it.host.containers.get(id)).map((one) => [one?.id, one?.state]);
    const before = containers();
    const calls = () => it.engine.calls.get(call) ?? 0;
    const called = calls();
    want(3, to);
    for (let passed = 0; calls() < called + MAX_CALLS && passed < 10_000; passed += 10) await it.clock.advance(10);
    want(4, from);
    await it.clock.advance(60_000);
    t.equal(calls() - called, MAX_CALLS, 'only those whose turn had come');
    const after = containers();
    t.same(
      after.map(([, state]) => state),
      before.map(([, state]) => state),
    );
    t.ok(after.filter(([id], at) => id === before[at]?.[0]).length >= ids.length - MAX_CALLS, 'the others kept their containers');
    if (from !== 'DESIRED_RUNNING') return;
    for (const id of ids) it.controller.say(deliver(id, 1, 'hello'));
    await it.clock.advance(1_000);
    t.equal(it.controller.heard('answer').length, ids.length, 'and every guest takes messages again');
  });

t.test('looking at everything again costs one list, and a look at what changed', async (t) => {
  const it = await world(t);
  await begin(
    it,
    Array.from({ length: 100 }, (_, at) => assigned(idOf(at))),
  );
  await it.clock.advance(20_000);
  const looks = () => it.engine.calls.get('observe') ?? 0;
  const lists = () => it.engine.calls.get('list') ?? 0;
  const [looked, listed] = [looks(), lists()];
  await it.clock.advance(180_000);
  t.ok(lists() >= listed + 3);
  t.equal(looks(), looked, 'nothing changed, nothing is looked at');

  await t.test('a change that no event told is found', async (t) => {
    // The engine's own events are lost: the container is replaced behind the back of everyone.
    const container = it.host.containers.get(idOf(7));
    t.ok(container);
    if (container !== undefined) (it.host.containers as Map<string, typeof container>).set(idOf(7), { ...container, state: 'exited' });
    await it.clock.advance(70_000);
    t.equal(it.host.containers.get(idOf(7))?.state, 'running');
    t.ok(looks() - looked < 10, `${looks() - looked} looks`);
  });
});

t.test('a node agent that is started again learns of its sessions from one list', async (t) => {
  const sessions = Array.from({ length: 100 }, (_, at) => assigned(idOf(at)));
  const first = await world(t);
  await begin(first, sessions);
  await first.clock.advance(20_000);
  await first.close();
  const again = await world(t, {}, first);
  const looks = again.engine.calls.get('observe') ?? 0;
  t.ok((again.engine.calls.get('list') ?? 0) >= 1);
  t.ok(looks <= sessions.length, `${looks} looks: one as its guest returns, and none before`);
  await begin(again, sessions);
  await again.clock.advance(20_000);
  t.equal([...again.host.containers.values()].filter(({ state }) => state === 'running').length, 100);
  t.equal(again.engine.calls.get('createContainer') ?? 0, 0);
  const more = (again.engine.calls.get('observe') ?? 0) - looks;
  t.ok(more <= sessions.length, `${more} looks at the set: one at each session`);
});

t.test('turns: first come, first served, a time limit that begins with the turn, and an end for what waits', async (t) => {
  const clock = new HandClock();
  const turns = new EngineTurns(clock);
  const ending = new AbortController();
  const order: number[] = [];
  const calls = Array.from({ length: 40 }, (_, at) =>
    turns.call(ending.signal, async (signal) => {
      order.push(at);
      await new Promise<void>((resolve, reject) => {
        clock.after(20_000, resolve);
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    }),
  );
  await clock.advance(0);
  t.equal(order.length, MAX_CALLS);
  await clock.advance(100_000);
  t.same(
    await Promise.all(calls.map((call) => call.then(() => 'ended'))),
    calls.map(() => 'ended'),
    'the last waited for 80 s, and none was cut off',
  );
  t.same(
    order,
    order.toSorted((a, b) => a - b),
  );

  turns.pause();
  const waiting = turns.call(ending.signal, async () => 'done');
  ending.abort(new Error('the end'));
  await t.rejects(waiting, /the end/);
  t.equal(turns.waiting, 0);
  turns.resume();
  t.equal(await turns.call(new AbortController().signal, async () => 'done'), 'done');
  t.equal(turns.running, 0);
});

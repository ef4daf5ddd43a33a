import t from 'tap';
import { inventoryParts } from '../../../../node-agent/control/inventory.ts';
import { MAX_WAITING, Outbox } from '../../../../node-agent/control/outbox.ts';
import type { ControllerFrame, NodeFrame } from '../../../../proto/frame.ts';
import { SetSum } from '../../../../proto/set-sum.ts';
import { testDirectory } from '../../../test-directory.ts';
import { assigned, bench } from '../hand-controller.ts';

const idOf = (at: number) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;
const turn = () => new Promise((resolve) => setImmediate(resolve));

const part = (number: number, more: boolean, assignments: ReturnType<typeof assigned>[], setId: string): ControllerFrame => ({
  kind: 'assignmentSet',
  value: { setId, assignments, tombstones: [], part: number, more },
});

t.test('a set in parts: nothing is unassigned before its last, and what a change named counts', async (t) => {
  const { controller, host, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  await controller.begin([assigned(idOf(1)), assigned(idOf(2)), assigned(idOf(3))]);
  for (const at of [1, 2, 3]) await controller.phase(idOf(at), 'RUNNING');
  controller.say(part(1, true, [assigned(idOf(1))], 'next'));
  controller.say({
    kind: 'assignmentChange',
    value: { setId: 'next', number: 1, assignments: [assigned(idOf(4))], tombstones: [] },
  });
  await controller.phase(idOf(4), 'RUNNING');
  t.same(controller.heard('orphans'), [], 'what is to be named yet is no orphan');
  controller.say(part(2, false, [assigned(idOf(2))], 'next'));
  const orphans = await controller.until('an orphan', () => controller.heard('orphans').at(-1));
  t.match(orphans, { orphans: [{ sessionId: idOf(3) }] });
  t.equal(orphans.orphans.length, 1);
  t.equal(host.containers.get(idOf(3))?.state, 'running', 'and it stays');
  t.match(
    controller.heard('setPartTaken').map(({ setId, part: taken }) => [setId, taken]),
    [
      ['set', 1],
      ['next', 1],
      ['next', 2],
    ],
  );

  const sum = new SetSum();
  for (const at of [1, 2, 4]) sum.add(idOf(at), 1);
  const digest = { setId: 'next', number: 1, sessions: sum.sessions, sum: sum.text };
  controller.say({ kind: 'setDigest', value: digest });
  t.match(await controller.until('a judgement', () => controller.heard('setJudged')[0]), { setId: 'next', number: 1, agrees: true });
  controller.say({ kind: 'setDigest', value: { ...digest, sum: '0000000000000000' } });
  t.match(await controller.until('another', () => controller.heard('setJudged')[1]), { agrees: false });

  controller.say(part(4, true, [], 'next'));
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
});

t.test('the epoch of the controller counts with its assignments, not with its welcome', async (t) => {
  const { controller, start } = bench(testDirectory(t));
  const node = await start();
  t.teardown(() => node.close());
  const helloOf = (dial: number) =>
    controller.until(`hello ${dial}`, () => (controller.dials === dial ? controller.heard('hello')[0] : undefined));
  t.match(await helloOf(1), { epoch: 0 });
  await controller.until('an inventory', () => controller.heard('inventory')[0]);
  controller.welcome(1);
  await controller.until('what follows a welcome', () => controller.heard('heartbeat')[1]);
  controller.hangUp();
  t.match(await helloOf(2), { epoch: 0 }, 'the store of the controller can lack this node');
  await controller.begin();
  await controller.until('the set was taken', () => controller.heard('setPartTaken')[0]);
  controller.hangUp();
  t.match(await helloOf(3), { epoch: 1 });
});

t.test('a set that comes again wakes only what is new in it', async (t) => {
  const looked: string[] = [];
  const { controller, start } = bench(testDirectory(t), {
    fault: (call, sessionId) => void (call === 'observe' && looked.push(sessionId)),
  });
  const node = await start();
  t.teardown(() => node.close());
  const all = Array.from({ length: 30 }, (_, at) => assigned(idOf(at)));
  await controller.begin(all);
  for (const { sessionId } of all) await controller.phase(sessionId, 'RUNNING');
  for (let turns = 0; turns < 50; turns += 1) await turn();
  looked.length = 0;
  controller.say(part(1, false, [...all.slice(1), assigned(idOf(0), 2, 'DESIRED_PAUSED')], 'again'));
  await controller.phase(idOf(0), 'PAUSED');
  await controller.until('it was taken', () => controller.heard('setPartTaken').find(({ setId }) => setId === 'again'));
  for (let turns = 0; turns < 50; turns += 1) await turn();
  t.same([...new Set(looked)], [idOf(0)]);
});

t.test('an inventory of any size comes in parts of a bounded size, each made when the one before it was taken', async (t) => {
  let made = 0;
  function* reports() {
    for (let at = 0; at < 1_000; at += 1) {
      made += 1;
      yield {
        ...{ sessionId: idOf(at), generation: 1, phase: 'RUNNING' as const, boot: 1, number: made, containerId: 'c', volume: 'v' },
        ...{ reason: '', acceptedSeq: 0, life: 0, isolation: '' },
      };
    }
  }
  const orphan = (at: number) => ({
    sessionId: idOf(at),
    generation: 1,
    containerId: '',
    volume: 'v',
    space: '',
    image: '',
    paused: false,
  });
  const held = { images: ['a', 'b'], tombstones: [], orphans: Array.from({ length: 1_500 }, (_, at) => orphan(at)) };
  const parts = inventoryParts({ reports: reports(), ...held });
  const seen: NodeFrame[] = [];
  for (const frame of parts) {
    seen.push(frame);
    const { value } = frame;
    t.ok(value.sessions.length <= 256 && value.orphans.length <= 256);
    t.equal(value.part, seen.length);
    t.ok(made <= seen.length * 256 + 1, 'no report is made before its part');
  }
  const values = seen.flatMap((frame) => (frame.kind === 'inventory' ? [frame.value] : []));
  t.equal(values.flatMap(({ sessions }) => sessions).length, 1_000);
  t.equal(values.flatMap(({ orphans }) => orphans).length, 1_500);
  t.same(
    values.map(({ more }) => more),
    values.map((_, at) => at + 1 < values.length),
  );
  const none = [...inventoryParts({ reports: [].values(), images: [], tombstones: [], orphans: [] })];
  t.match(none, [{ value: { part: 1, more: false } }]);
});

const report = (at: number, number = at): NodeFrame => ({
  kind: 'report',
  value: {
    ...{ sessionId: idOf(at), generation: 1, phase: 'RUNNING', boot: 1, number, containerId: 'c', volume: 'v' },
    ...{ reason: '', acceptedSeq: 0, life: 0, isolation: '' },
  },
});

function opened() {
  const wire = { full: true, sent: [] as NodeFrame[], ended: undefined as Error | undefined };
  const outbox = new Outbox();
  outbox.begin();
  outbox.connect({
    send: (frame) => {
      if (wire.full) return false;
      wire.sent.push(frame);
      return true;
    },
    end: (fault) => {
      wire.ended = fault;
    },
  });
  return { outbox, wire };
}

t.test('state of many more sessions than any queue is long is kept while the stream is full, the newest of each', async (t) => {
  const { outbox, wire } = opened();
  for (let round = 0; round < 3; round += 1) for (let at = 0; at < 50_000; at += 1) outbox.keep(`report:${at}`, report(at, round));
  t.equal(wire.ended, undefined);
  t.equal(outbox.waiting, 50_000);
  wire.full = false;
  outbox.drained();
  t.equal(wire.sent.length, 50_000);
  t.ok(wire.sent.every((frame) => frame.kind === 'report' && frame.value.number === 2));
});

t.test(
  'what is said of messages has a bound in frames and one in bytes: past either the stream ends, and nothing is dropped silently',
  async (t) => {
    const accepted = (at: number): NodeFrame => ({
      kind: 'accepted',
      value: { sessionId: idOf(1), messageId: `m${at}`, generation: 1, seq: at, settled: false },
    });
    const many = opened();
    for (let at = 0; at < MAX_WAITING.frames; at += 1) many.outbox.keep(`accepted:${at}`, accepted(at));
    t.equal(many.wire.ended, undefined);
    many.outbox.keep('accepted:more', accepted(-1));
    t.match(many.wire.ended?.message, /too many frames wait/);
    t.equal(many.outbox.waiting, 0);

    const large = opened();
    const answer = (at: number, content: string): NodeFrame => ({
      kind: 'answer',
      value: {
        ...{ sessionId: idOf(1), messageId: `m${at}`, generation: 1, runId: 'r', agent: 'a', outcome: 'REPLY', content },
        ...{ reason: '', durationMs: 1, hops: [], model: '' },
      },
    });
    const content = 'x'.repeat(1024 * 1024);
    for (let at = 0; at < MAX_WAITING.bytes / content.length - 1; at += 1) large.outbox.keep(`answer:${at}`, answer(at, content));
    t.equal(large.wire.ended, undefined);
    large.outbox.keep('answer:0', answer(0, content));
    t.equal(large.wire.ended, undefined, 'the same one again takes no more');
    large.outbox.keep('answer:last', answer(-1, content));
    t.match(large.wire.ended?.message, /too many frames wait/);
  },
);

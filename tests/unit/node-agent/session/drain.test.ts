import t, { type Test } from 'tap';
import type { ControllerFrame } from '../../../../proto/frame.ts';
import { systemClock } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';
import { assigned, bench, deliver, IMAGE } from '../hand-controller.ts';

const S = '00000000-0000-4000-8000-00000000000a';

const change = (number: number, assignment: ReturnType<typeof assigned>): ControllerFrame => ({
  kind: 'assignmentChange',
  value: { setId: 'set', number, assignments: [assignment], tombstones: [] },
});
const suspended = (generation: number, graceMs: number) => assigned(S, generation, 'DESIRED_SUSPENDED', true, IMAGE, graceMs);

/** A session that is up, with one message that its guest works on. */
async function atWork(t: Test, answerMs: number) {
  const made = bench(testDirectory(t), { answerMs: () => answerMs });
  const node = await made.start();
  t.teardown(() => node.close());
  await made.controller.begin([assigned(S)]);
  await made.controller.phase(S, 'RUNNING');
  made.controller.say(deliver(S, 1, 'hello'));
  await made.controller.until('a run', () => made.controller.heard('runStarted')[0]);
  return { ...made, node };
}

t.test('what runs may end within the grace: its answer is heard before the session is suspended', async (t) => {
  const { controller, host } = await atWork(t, 100);
  controller.say(change(1, suspended(2, 60_000)));
  const report = await controller.phase(S, 'SUSPENDED');
  t.match(report, { generation: 2, containerId: '', acceptedSeq: 1 });
  t.match(controller.heard('answer'), [{ messageId: 'm1', generation: 2, outcome: 'REPLY' }]);
  t.same([host.containers.size, host.volumes.size], [0, 1]);
});

t.test('without a grace it is interrupted, and what was taken besides waits for the resume', async (t) => {
  const { controller } = await atWork(t, 300);
  controller.say(deliver(S, 2, 'next', 1));
  await controller.until('both', () => controller.heard('accepted')[1]);
  controller.say(change(1, suspended(2, 0)));
  t.equal((await controller.phase(S, 'SUSPENDED')).acceptedSeq, 2);
  t.match(controller.heard('answer'), [{ messageId: 'm1', outcome: 'ERROR', reason: 'interrupted' }]);
  controller.say({ kind: 'settled', value: { sessionId: S, messageId: 'm1', upToSeq: 0 } });
  controller.say(change(2, assigned(S, 3, 'DESIRED_RUNNING', true)));
  const answer = await controller.until('the other answer', () => controller.heard('answer').find(({ messageId }) => messageId === 'm2'));
  t.match(answer, { outcome: 'REPLY', generation: 3 });
});

t.test('one that is wanted again while it finishes goes on in the same container, and misses nothing', async (t) => {
  const { controller, host } = await atWork(t, 200);
  const before = host.containers.get(S)?.id;
  controller.say(change(1, suspended(2, 60_000)));
  controller.say(deliver(S, 2, 'on its way', 1));
  await controller.until('running at 2', () => controller.heard('report').find(({ generation }) => generation === 2));
  controller.say(change(2, assigned(S, 3, 'DESIRED_RUNNING', true)));
  await controller.until('running at 3', () => controller.heard('report').find((one) => one.phase === 'RUNNING' && one.generation === 3));
  controller.say(deliver(S, 2, 'on its way', 1));
  await controller.until('both answers', () => (controller.heard('answer').length === 2 ? true : undefined));
  t.match(
    controller.heard('answer').map(({ messageId, outcome }) => [messageId, outcome]),
    [
      ['m1', 'REPLY'],
      ['m2', 'REPLY'],
    ],
  );
  t.equal(host.containers.get(S)?.id, before);
});

t.test('a frozen one finishes what it was frozen in', async (t) => {
  const { controller, host } = await atWork(t, 100);
  controller.say(change(1, assigned(S, 2, 'DESIRED_PAUSED', true)));
  await controller.phase(S, 'PAUSED');
  await new Promise<void>((resolve) => systemClock.after(200, resolve));
  t.same(controller.heard('answer'), [], 'time goes by and nothing happens');
  controller.say(change(2, suspended(3, 60_000)));
  await controller.phase(S, 'SUSPENDED');
  t.match(controller.heard('answer'), [{ messageId: 'm1', generation: 3, outcome: 'REPLY' }]);
  t.equal(host.containers.size, 0);
});

t.test('a node agent that starts in the middle of it lets its guest go on when the session is wanted again', async (t) => {
  const { controller, host, node, start } = await atWork(t, 100);
  const before = host.containers.get(S)?.id;
  controller.say(change(1, suspended(2, 60_000)));
  await controller.until('running at 2', () => controller.heard('report').find(({ generation }) => generation === 2));
  await node.close();
  const second = await start();
  t.teardown(() => second.close());
  await controller.begin([assigned(S, 3, 'DESIRED_RUNNING', true)]);
  await controller.until('running at 3', () => controller.heard('report').find((one) => one.phase === 'RUNNING' && one.generation === 3));
  controller.say(deliver(S, 2, 'more', 1));
  await controller.until('its answer', () => controller.heard('answer').find(({ messageId }) => messageId === 'm2'));
  t.equal(host.containers.get(S)?.id, before);
});

t.test('a node agent that starts in the middle of it asks again', async (t) => {
  const { controller, host, node, start } = await atWork(t, 60_000);
  controller.say(change(1, suspended(2, 60_000)));
  await controller.until('running at 2', () => controller.heard('report').find(({ generation }) => generation === 2));
  await node.close();
  t.equal(host.containers.size, 1);
  const second = await start();
  t.teardown(() => second.close());
  await controller.begin([suspended(2, 60_000)]);
  await controller.phase(S, 'SUSPENDED');
  t.equal(host.containers.size, 0);
});

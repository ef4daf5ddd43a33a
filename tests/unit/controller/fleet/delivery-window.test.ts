/** How much of a long queue is on its way to a guest, and what each step of it costs. */
import t, { type Test } from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { acceptMessage } from '../../../../controller/domain/messages/commands/accept-message.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import { Delivery } from '../../../../controller/services/fleet/delivery.ts';
import type { ControllerFrame } from '../../../../proto/frame.ts';
import { noBarriers } from '../../../../seams/barrier.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, withAgents } from '../core.ts';
import { countedView } from '../engine/counted-view.ts';

const S = 'session-1' as SessionId;
const OTHER = 'session-2' as SessionId;

async function rig(t: Test) {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  for (const sessionId of [S, OTHER]) {
    await core.applier.submit(newSession({ id: sessionId }));
    const order = { incarnation: 1, boot: 1, number: 1 };
    const seen = { containerId: 'c', volume: 'v', reason: '', acceptedSeq: 0 };
    await core.applier.apply(recordReport({ from: NODE, sessionId, generation: 1, phase: 'running', order, ...seen }));
  }
  const state = { room: true };
  const sent: string[] = [];
  const { view, countReads } = countedView(core.store.view);
  const send = (frame: ControllerFrame) => {
    if (frame.kind === 'deliver') sent.push(frame.value.messageId);
    return true;
  };
  const delivery = new Delivery({
    view,
    barriers: noBarriers,
    send,
    hasRoom: () => state.room,
    refuse: () => t.fail('nothing is refused'),
  });
  return { core, state, sent, delivery, countReads };
}

async function posted(core: Core, count: number, content: string, session = S): Promise<MessageId[]> {
  const messages = Array.from({ length: count }, () => newMessage(session, content));
  await Promise.all(messages.map((message) => core.applier.submit(postMessage(message))));
  return messages.map(({ id }) => id);
}

const accept = (core: Core, messageId: MessageId) =>
  core.applier.apply(acceptMessage({ from: NODE, generation: 1, sessionId: S, messageId, settled: false }));

t.test('a guest knows which agents its runs can ask: the active ones, and after a return which are not any more', async (t) => {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo', 'other', 'idle']);
  await core.applier.submit(newSession({ id: S }));
  const row = core.session(S);
  const set = (name: string, wanted: 'active' | 'stopped' | undefined) =>
    core.applier.apply({
      name: 'set',
      decide({ view }) {
        const agent = view.get('agents', `agent-${name}`);
        if (agent === undefined) throw new Error('no agent');
        const mutation =
          wanted === undefined ? ({ kind: 'remove', table: 'agents', id: agent.id } as const) : put('agents', { ...agent, wanted });
        return { mutations: [mutation, put('sessions', { ...row, phase: 'running', outstanding: 1 })], events: [], result: undefined };
      },
    });
  await set('idle', 'stopped');
  const sent: ControllerFrame[] = [];
  const send = (frame: ControllerFrame) => sent.push(frame) > 0;
  const delivery = new Delivery({ view: core.store.view, barriers: noBarriers, send, hasRoom: () => true, refuse: () => undefined });
  await core.applier.submit(postMessage(newMessage(S, '@echo hi')));
  delivery.due(S);
  t.match(sent.splice(0), [{ kind: 'deliver', value: { agent: 'echo', agents: ['echo', 'other'] } }]);
  await set('other', undefined);
  delivery.restart(S);
  t.match(sent, [
    { kind: 'stopAgent', value: { agent: 'other', sessionId: S, interrupt: false } },
    { kind: 'stopAgent', value: { agent: 'idle', sessionId: S, interrupt: false } },
    { kind: 'deliver', value: { agents: ['echo'] } },
  ]);
});

t.test('no more than a mebibyte of a session is on its way, and a single larger message goes alone', async (t) => {
  const { core, sent, delivery } = await rig(t);
  const ids = await posted(core, 5, 'x'.repeat(400_000));
  const large = await posted(core, 1, 'y'.repeat(1024 * 1024 - 100));
  delivery.due(S);
  t.same(sent, ids.slice(0, 2));
  for (const id of ids.slice(0, 4)) {
    await accept(core, id);
    delivery.due(S);
  }
  t.same(sent, ids, 'the large one waits for its turn');
  await accept(core, ids[4] ?? ('' as MessageId));
  delivery.due(S);
  t.same(sent, [...ids, ...large]);
});

t.test('what an acknowledgement costs does not grow with the queue', async (t) => {
  const cost = async (length: number) => {
    const { core, sent, delivery, countReads } = await rig(t);
    const ids = await posted(core, length, 'x');
    delivery.due(S);
    t.equal(sent.length, 32, 'the window');
    let most = 0;
    for (const id of ids.slice(0, length - 32)) {
      await accept(core, id);
      most = Math.max(most, countReads(() => delivery.due(S))[1]);
    }
    t.same(sent, ids, 'each once, in order');
    return most;
  };
  t.equal(await cost(400), await cost(40));
});

t.test('while the stream has no room, sessions wait, and go on in the order of their coming', async (t) => {
  const { core, state, sent, delivery } = await rig(t);
  state.room = false;
  const mine = await posted(core, 2, 'x');
  const others = await posted(core, 1, 'x', OTHER);
  delivery.due(S);
  delivery.due(OTHER);
  t.same(sent, []);
  state.room = true;
  delivery.drained();
  t.same(sent, [...mine, ...others]);
  delivery.drained();
  t.equal(sent.length, 3, 'once');
});

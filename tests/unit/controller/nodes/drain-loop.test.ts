import t from 'tap';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { drainNode } from '../../../../controller/domain/nodes/commands/drain-node.ts';
import { updateNode } from '../../../../controller/domain/nodes/commands/manage-node.ts';
import { drainLoop } from '../../../../controller/services/nodes/drain-loop.ts';
import { systemClock } from '../../../../seams/system.ts';
import { newMessage, newSession, silent, withAgents } from '../core.ts';
import { cluster, hello, inventory, nodeOf, running, S } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

// With a fault that keeps the message back, it ends here.
t.setTimeout(30_000);

t.test('a busy session of a draining node gets no more messages, and gets them when the drain is ended before it stopped', async (t) => {
  const { core, fleet, directory, connect } = await cluster(t);
  await withAgents(core, ['bob']);
  await core.applier.submit(newSession({ id: S }));
  const id = nodeOf(core);
  drainLoop({ loops: loopsOf(t, systemClock), applier: core.applier, view: core.store.view, log: silent, directory, fleet }, 30_000);
  const node = connect(id, hello(), inventory);
  await node.until(() => node.of('assignmentSet')[0]);
  node.say({ kind: 'setPartTaken', value: { setId: node.of('assignmentSet')[0]?.setId ?? '', part: 1 } });
  node.say(running());
  while (core.session(S).phase !== 'running') await new Promise(setImmediate);
  const post = (content: string) => core.applier.submit(postMessage(newMessage(S, content)));
  const delivered = () => node.of('deliver').map(({ content }) => content);
  await post('before');
  await node.until(() => delivered()[0]);
  const [first] = node.of('deliver');
  node.say({
    kind: 'accepted',
    value: { sessionId: S, generation: 1, messageId: first?.messageId ?? '', seq: first?.seq ?? 0, settled: false },
  });
  while (core.session(S).outstanding === 0) await new Promise(setImmediate);

  await core.applier.submit(drainNode(id, { deadlineMs: 3_600_000, onDeadline: 'suspend' }, 'admin'));
  t.match(await post('during'), { ok: true });
  t.equal(core.session(S).desired, 'running', 'it is busy');
  t.same(delivered(), ['before']);
  await core.applier.submit(updateNode(id, { schedulable: true }, 'admin'));
  await node.until(() => delivered()[1]);
  t.same(delivered(), ['before', 'during']);
});

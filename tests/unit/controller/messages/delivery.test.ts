import t, { type Test } from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { acceptMessage } from '../../../../controller/domain/messages/commands/accept-message.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { startRun } from '../../../../controller/domain/messages/commands/start-run.ts';
import { desiring } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { type Core, NODE, newMessage, newSession, node, OTHER_NODE, openCore, seeded, withAgents } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';

const S = 'session-1' as SessionId;

let order = 0;
const report = (phase: 'starting' | 'running' | 'failed', more: object = {}) =>
  recordReport({
    from: NODE,
    sessionId: S,
    generation: 1,
    phase,
    order: { incarnation: 1, boot: 1, number: ++order },
    containerId: 'c1',
    volume: 'v1',
    reason: phase === 'failed' ? 'the image is gone' : '',
    acceptedSeq: 0,
    ...more,
  });

const reply = (messageId: MessageId, more: object = {}) =>
  recordAnswer({
    from: NODE,
    generation: 1,
    sessionId: S,
    messageId,
    runId: `run-${messageId}`,
    agent: 'echo',
    outcome: 'reply',
    content: 'hello',
    reason: '',
    durationMs: 3,
    ...more,
  });

async function running(t: Test, agents = ['echo']): Promise<Core> {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, agents);
  await core.applier.submit(newSession({ id: S }));
  await core.applier.apply(report('running'));
  return core;
}

async function post(core: Core, content: string, more: object = {}): Promise<MessageId> {
  const message = newMessage(S, content, more);
  const outcome = await core.applier.submit(postMessage(message));
  if (!outcome.ok) throw new Error(outcome.refusal.message);
  return message.id;
}

const all = (core: Core) => [...core.store.view.messagesBefore(S, 1e9, 1e6)].reverse();

t.test('init, idle, busy, idle: the state follows what the guest holds and answers', async (t) => {
  const core = await running(t);
  const state = async () =>
    (await committedEvents(core.store.events)).filter(({ type }) => type === 'session.state').map(({ data }) => data.state);
  t.same(await state(), ['idle']);
  const id = await post(core, 'hi');
  await core.applier.apply(acceptMessage({ from: NODE, generation: 1, sessionId: S, messageId: id, settled: false }));
  t.same(await state(), ['idle', 'busy']);
  t.equal(await core.applier.apply(reply(id)), 'committed');
  t.same(await state(), ['idle', 'busy', 'idle']);
  t.match(all(core), [
    { role: 'user', seq: 1, content: 'hi' },
    { role: 'agent', seq: 2, content: 'hello', metadata: { type: 'agent_response', agent: 'echo', in_reply_to: id, duration_ms: 3 } },
  ]);
});

t.test('the first answer stands; a second is a duplicate, one to nothing is unwanted', async (t) => {
  const core = await running(t);
  const id = await post(core, 'hi');
  t.equal(await core.applier.apply(reply(id)), 'committed');
  t.equal(await core.applier.apply(reply(id, { content: 'again', runId: 'other' })), 'duplicate');
  t.equal(await core.applier.apply(reply('nothing' as MessageId)), 'unwanted');
  t.equal(all(core).length, 2);
  t.equal(all(core)[1]?.content, 'hello');
  await core.applier.submit(removeSession(S, 'deleted'));
  t.equal(await core.applier.apply(reply(id)), 'unwanted');
  t.same(all(core), [], 'its messages are gone');
});

t.test('what another node or an older placement says is refused, and changes nothing', async (t) => {
  const core = await running(t);
  const id = await post(core, 'hi');
  t.equal(await core.applier.apply(reply(id, { from: OTHER_NODE })), 'refused');
  t.equal(await core.applier.apply(reply(id, { generation: 0 })), 'refused');
  t.equal(await core.applier.apply(report('failed', { from: OTHER_NODE })), 'foreign');
  await core.applier.apply(acceptMessage({ from: OTHER_NODE, generation: 1, sessionId: S, messageId: id, settled: false }));
  await core.applier.apply(startRun({ from: OTHER_NODE, generation: 1, sessionId: S, messageId: id, runId: 'r', agent: 'echo' }));
  t.equal(core.session(S).outstanding, 0);
  t.equal(core.session(S).desired, 'running');
  t.equal(await core.applier.apply(reply(id)), 'committed', 'its own node is heard');
});

t.test('a report that is older, or of an older generation, changes nothing', async (t) => {
  const core = await running(t);
  const before = core.session(S);
  t.equal(await core.applier.apply(report('failed', { order: { incarnation: 1, boot: 0, number: 99 } })), 'old');
  t.equal(await core.applier.apply(report('starting', { order: { incarnation: 0, boot: 9, number: 99 } })), 'old');
  t.equal(await core.applier.apply(report('failed', { generation: 0, order: { incarnation: 2, boot: 0, number: 1 } })), 'stale');
  t.same(core.session(S), before);
  t.equal(await core.applier.apply(report('starting', { order: { incarnation: 2, boot: 1, number: 1 } })), 'yes', 'a later join is heard');
  t.equal(core.session(S).phase, 'starting');
});

t.test('a session that fails answers everything outstanding in the same commit, and takes no more', async (t) => {
  const core = await running(t);
  const ids = [await post(core, 'one'), await post(core, 'two')];
  await core.applier.apply(report('failed'));
  const row = core.session(S);
  t.match(row, { desired: 'failed', generation: 2, reason: 'the image is gone', outstanding: 0 });
  t.match(
    all(core).filter(({ role }) => role === 'agent'),
    ids.map((id) => ({ inReplyTo: id, metadata: { type: 'error_response', reason: 'session_failed' } })),
  );
  const refused = await core.applier.submit(postMessage(newMessage(S, 'three')));
  t.match(refused, { ok: false, refusal: { code: 'CONFLICT', message: /error \(the image is gone\)/ } });
});

t.test('who answers: the one named, the one addressed, else the only one; else it is told what to do', async (t) => {
  const core = await running(t, ['echo', 'poet']);
  const table: [string, object, string | null, string | undefined][] = [
    ['hi', { agent: 'poet' }, 'poet', undefined],
    ['@poet sing', {}, 'poet', undefined],
    ['@echo', {}, 'echo', undefined],
    ['@nobody hi', {}, null, 'agent_ambiguous'],
    ['hi', {}, null, 'agent_ambiguous'],
    ['hi', { agent: 'nobody' }, null, 'agent_unknown'],
  ];
  for (const [content, metadata, agent, reason] of table) {
    const id = await post(core, content, { metadata });
    const row = core.store.view.get('queue', id);
    t.equal(row?.agent, agent, `${content} ${JSON.stringify(metadata)}`);
    t.equal(row?.refusal?.reason, reason);
  }
  await withAgents(core, ['latecomer']);
  const late = await post(core, '@latecomer hi');
  t.match(core.store.view.get('queue', late)?.refusal, { reason: 'agent_unknown', content: /deployed later exist only in new sessions/ });
  const bare = await openCore({ nodes: [node(NODE)] });
  t.teardown(bare.close);
  await bare.applier.submit(newSession({ id: S }));
  const id = await post(bare, 'hi');
  t.match(bare.store.view.answerTo(id), { metadata: { type: 'error_response', reason: 'no_agent' }, content: /raworc agent deploy/ });
});

t.test('an answer that no agent gives waits for its turn', async (t) => {
  const core = await running(t);
  const first = await post(core, 'work');
  const second = await post(core, 'hi', { metadata: { agent: 'nobody' } });
  const third = await post(core, 'work more');
  t.equal(core.store.view.answerTo(second), undefined, 'the first has no answer yet');
  await core.applier.apply(reply(first));
  t.ok(core.store.view.answerTo(second));
  await core.applier.apply(reply(third));
  const answered = all(core).flatMap(({ inReplyTo }) => inReplyTo ?? []);
  t.same(answered, [first, second, third]);
});

t.test('the inbox watermark of a guest that came back counts as accepted', async (t) => {
  const core = await running(t);
  await post(core, 'one');
  await post(core, 'two');
  await core.applier.apply(report('starting'));
  await core.applier.apply(report('running', { acceptedSeq: 1 }));
  t.equal(core.session(S).outstanding, 1);
  await core.applier.apply(report('running', { acceptedSeq: 1 }));
  t.equal(core.session(S).outstanding, 1, 'told twice, counted once');
});

t.test('the same Idempotency-Key makes one message; with another body it is refused', async (t) => {
  const core = await running(t);
  const request = { id: 'key', bodyHash: 'a' };
  const first = await core.applier.submit(postMessage(newMessage(S, 'once', { request })));
  const again = await core.applier.submit(postMessage(newMessage(S, 'once', { request })));
  t.same(again, first);
  t.equal(all(core).length, 1);
  const other = await core.applier.submit(postMessage(newMessage(S, 'twice', { request: { id: 'key', bodyHash: 'b' } })));
  t.match(other, { ok: false, refusal: { code: 'UNPROCESSABLE_ENTITY' } });
});

t.test('whatever comes twice, late or from strangers: one answer a message, in order, and the count of outstanding holds', async (t) => {
  for (let seed = 1; seed <= 15; seed += 1) {
    const random = seeded(seed);
    const core = await openCore({ nodes: [node(NODE)] });
    await withAgents(core, ['echo']);
    await core.applier.submit(newSession({ id: S }));
    const posted: MessageId[] = [];
    const pick = () => posted[Math.floor(random() * posted.length)] ?? ('none' as MessageId);
    const generation = () => core.session(S).generation;
    for (let step = 0; step < 60; step += 1) {
      const from = random() < 0.9 ? NODE : OTHER_NODE;
      const dice = random();
      if (dice < 0.35) posted.push(await post(core, 'x', random() < 0.15 ? { metadata: { agent: 'nobody' } } : {}).catch(() => pick()));
      else if (dice < 0.55)
        await core.applier.apply(acceptMessage({ from, generation: generation(), sessionId: S, messageId: pick(), settled: false }));
      else if (dice < 0.65)
        await core.applier.apply(
          startRun({ from, generation: generation(), sessionId: S, messageId: pick(), runId: `r${step}`, agent: 'echo' }),
        );
      else if (dice < 0.9) {
        const next = core.store.view.queued(S, 1)[0]?.id ?? pick();
        await core.applier.apply(reply(random() < 0.6 ? next : pick(), { from, generation: generation() - (random() < 0.1 ? 9 : 0) }));
      } else if (dice < 0.99)
        await core.applier.apply(
          report(random() < 0.5 ? 'running' : 'starting', { from, acceptedSeq: Math.floor(random() * (core.session(S).lastSeq + 1)) }),
        );
      else await core.applier.apply(report('failed', { from }));
      const unanswered = core.store.view.queued(S, 1000).filter(({ acceptedAt }) => acceptedAt !== null);
      t.equal(core.session(S).outstanding, unanswered.length, `seed ${seed} step ${step}`);
    }
    const rows = all(core);
    const answers = rows.flatMap(({ inReplyTo }) => inReplyTo ?? []);
    t.equal(new Set(answers).size, answers.length, `seed ${seed}: one answer a message`);
    t.same(
      rows.map(({ seq }) => seq),
      rows.map((_, i) => i + 1),
      `seed ${seed}: numbered without a gap`,
    );
    t.equal(answers.length + core.store.view.queueUse(S).messages, rows.filter(({ role }) => role === 'user').length);
    const events = (await committedEvents(core.store.events)).filter(({ sessionId }) => sessionId === S);
    t.same(
      events.map(({ sessionNumber }) => sessionNumber),
      events.map((_, i) => i + 1),
      `seed ${seed}: events of the session are numbered without a gap`,
    );
    core.close();
  }
});

t.test('a container that ended unasked leaves a note among the messages, once; one that was asked for leaves none', async (t) => {
  const core = await running(t);
  const notes = () => all(core).filter(({ role }) => role === 'system');
  await core.applier.apply(report('running', { life: 3 }));
  const question = await post(core, 'hello');
  await core.applier.apply(report('running', { life: 3, acceptedSeq: 1 }));
  await core.applier.apply(report('starting'));
  t.same(notes(), [], 'its guest was merely heard of for the first time, and went away for a moment');
  await core.applier.apply(report('running', { life: 4, acceptedSeq: 1 }));
  await core.applier.apply(report('running', { life: 4, acceptedSeq: 1 }));
  t.match(notes(), [{ seq: 2, metadata: { type: 'note', reason: 'restarted' }, content: /memory of its agents is lost/ }]);
  const created = (await committedEvents(core.store.events)).filter(({ type }) => type === 'message.created');
  t.match(created.at(-1), { data: { message: { role: 'system', seq: 2 } } }, 'and in the events');
  await core.applier.apply(reply(question));
  t.match(all(core).at(-1), { seq: 3, content: 'hello' }, 'the answer comes behind it');
  await core.applier.apply(report('running', { life: 5 }));
  t.equal(notes().length, 2, 'the next end has one of its own');

  const generation = await askedFor(core);
  await core.applier.apply(report('running', { life: 6, generation }));
  t.equal(notes().length, 2, 'a resume is no such end');
});

async function askedFor(core: Core): Promise<number> {
  const before = core.session(S);
  await core.applier.apply({
    name: 'change',
    decide: ({ now }) => ({ mutations: [put('sessions', desiring(before, 'running', 0, now))], events: [], result: undefined }),
  });
  return core.session(S).generation;
}

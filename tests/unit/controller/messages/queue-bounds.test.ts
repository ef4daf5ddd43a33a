/** What a long queue, or a long conversation, costs: no commit does all of it. */
import t, { type Test } from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { clearMessages } from '../../../../controller/domain/messages/commands/clear-messages.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { ANSWERED_AT_ONCE, FORGOTTEN_AT_ONCE, MAX_QUEUED } from '../../../../controller/domain/messages/queue.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { backlogLoop } from '../../../../controller/services/messages/backlog-loop.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, withAgents } from '../core.ts';
import { loopsOf } from '../loops.ts';

const S = 'session-1' as SessionId;
const OTHER = 'session-2' as SessionId;
const MIB = 1024 * 1024;

async function running(t: Test): Promise<Core> {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  for (const id of [S, OTHER]) await core.applier.submit(newSession({ id }));
  await core.applier.apply(report('running'));
  return core;
}

let order = 0;
const report = (phase: 'running' | 'failed') =>
  recordReport({
    ...{ from: NODE, sessionId: S, generation: 1, phase, order: { incarnation: 1, boot: 1, number: ++order } },
    ...{ containerId: 'c', volume: 'v', reason: phase === 'failed' ? 'the image is gone' : '', acceptedSeq: 0 },
  });
const reply = (messageId: MessageId) =>
  recordAnswer({
    ...{ from: NODE, generation: 1, sessionId: S, messageId, runId: 'r', agent: 'echo' },
    ...{ outcome: 'reply' as const, content: 'ok', reason: '', durationMs: 1 },
  });

const post = (core: Core, content: string, more: object = {}, session = S) =>
  core.applier.submit(postMessage(newMessage(session, content, more)));
const posts = (core: Core, count: number, content: string, more: object = {}) =>
  Promise.all(Array.from({ length: count }, () => post(core, content, more)));
/** Every message of the session by seq. */
const all = (core: Core) => core.store.view.messagesBefore(S, 1e9, 1e6).toReversed();

/** Mutations of each commit from now on. */
function commits(core: Core): number[] {
  const counts: number[] = [];
  core.applier.onCommitted(({ mutations }) => counts.push(mutations.length));
  return counts;
}

async function worked(core: Core, t: Test): Promise<void> {
  const backlog = backlogLoop({ loops: loopsOf(t), applier: core.applier, view: core.store.view, metrics: silentMetrics });
  const done = new Promise<void>((resolve) => {
    core.applier.onCommitted(({ mutations }) => {
      if (mutations.some(({ kind }) => kind === 'remove') && core.store.view.backlogged(1).length === 0) resolve();
    });
  });
  backlog.wake('all');
  await done;
}

t.test('a queue at its bound in messages refuses the next one by name, and no other session', async (t) => {
  const core = await running(t);
  const [first] = await posts(core, MAX_QUEUED.messages, 'x');
  t.match(await post(core, 'one more'), {
    refusal: { code: 'RATE_LIMITED', message: /1000 messages wait/, details: { bound: 'messages', queued: 1000, retry_after_s: 5 } },
  });
  t.ok((await post(core, 'hi', {}, OTHER)).ok);
  t.ok((await post(core, 'a note', { role: 'system' })).ok, 'what nobody answers waits for nothing');
  await core.applier.apply(reply(first?.ok === true ? (first.value.id as MessageId) : ('none' as MessageId)));
  t.ok((await post(core, 'there is room')).ok);
});

t.test('a queue at its bound in bytes refuses the next one by name; metadata and UTF-8 count', async (t) => {
  const core = await running(t);
  const outcomes = await posts(core, 16, 'ü'.repeat(MIB / 2 - 10), { metadata: { a: 'bcd' } });
  t.ok(outcomes.every(({ ok }) => ok));
  t.equal(core.store.view.queueUse(S).bytes, 16 * (MIB - 20 + '{"a":"bcd"}'.length));
  t.match(await post(core, 'x'.repeat(1000)), { refusal: { code: 'RATE_LIMITED', details: { bound: 'bytes', allowed: 16 * MIB } } });
  t.ok((await post(core, 'x'.repeat(100))).ok, 'what fits is taken');
  t.ok((await post(core, 'y'.repeat(MIB), {}, OTHER)).ok);
});

t.test('a session that fails with a full queue answers all of it in order, in commits that are bounded', async (t) => {
  const core = await running(t);
  await posts(core, 400, 'x');
  const counts = commits(core);
  await core.applier.apply(report('failed'));
  t.equal(core.session(S).desired, 'failed');
  t.equal(core.store.view.queueUse(S).messages, 400 - ANSWERED_AT_ONCE);
  t.match(await post(core, 'more'), { refusal: { code: 'CONFLICT' } });
  await worked(core, t);
  t.ok(Math.max(...counts) <= 3 * ANSWERED_AT_ONCE + 3, `at most ${Math.max(...counts)} mutations a commit`);
  t.same(core.store.view.queueUse(S), { messages: 0, bytes: 0 });
  const asked = all(core).filter(({ role }) => role === 'user');
  const answers = all(core).filter(({ role }) => role === 'agent');
  t.same(
    answers.map(({ inReplyTo }) => inReplyTo),
    asked.map(({ id }) => id),
  );
  t.ok(
    answers.every(({ content, metadata }) => content === 'The session failed: the image is gone' && metadata.reason === 'session_failed'),
  );
});

t.test('refusals that wait for their turn behind one message come in commits that are bounded', async (t) => {
  const core = await running(t);
  const first = await post(core, 'work');
  await posts(core, 300, 'hi', { metadata: { agent: 'nobody' } });
  const last = await post(core, 'work more');
  const counts = commits(core);
  if (first.ok) await core.applier.apply(reply(first.value.id as MessageId));
  await worked(core, t);
  t.ok(Math.max(...counts) <= 3 * (ANSWERED_AT_ONCE + 2), `at most ${Math.max(...counts)} mutations a commit`);
  t.match(core.store.view.queued(S, 10), [{ id: last.ok ? last.value.id : '' }], 'only what an agent answers is left');
});

/** Many messages that nobody waits for. */
async function talked(core: Core, count: number, content: string): Promise<void> {
  const from = core.session(S).lastSeq + 1;
  await core.applier.apply({
    name: 'test-talk',
    decide: ({ now }) => ({
      mutations: [
        ...Array.from({ length: count }, (_, at) =>
          put('messages', {
            ...{ id: systemRandom.uuid() as MessageId, sessionId: S, seq: from + at, role: 'system', content, metadata: {} },
            ...{ inReplyTo: null, createdBy: 'bob', createdAt: now },
          }),
        ),
        put('sessions', { ...core.session(S), lastSeq: from + count - 1 }),
      ],
      events: [],
      result: undefined,
    }),
  });
}

t.test('a long conversation is deleted in commits that are bounded in rows and in bytes', async (t) => {
  const core = await running(t);
  await talked(core, 900, 'x');
  await talked(core, 20, 'y'.repeat(MIB));
  const counts = commits(core);
  await core.applier.submit(removeSession(S, 'deleted'));
  const sizes = () => core.store.view.messageSizes(S, 1e9, 1000);
  t.ok(sizes().length >= 900 && sizes().length < 920, 'the largest first, and not all of them at once');
  await worked(core, t);
  t.same(sizes(), []);
  t.ok(Math.max(...counts) <= FORGOTTEN_AT_ONCE.rows + 5, `at most ${Math.max(...counts)} mutations a commit`);
});

t.test('clearing a long conversation ends with one event, and keeps what is posted meanwhile', async (t) => {
  const core = await running(t);
  await talked(core, 700, 'x');
  await post(core, 'waits');
  const { lastSeq } = core.session(S);
  const cleared: unknown[] = [];
  core.applier.onCommitted(({ events }) => {
    for (const { type, data } of events) if (type === 'messages.cleared') cleared.push(data);
  });
  let step = await core.applier.submit(clearMessages(S));
  t.match(step, { ok: true, value: lastSeq }, 'there is more to do');
  t.equal(core.store.view.queueUse(S).messages, 0, 'nothing waits any more');
  const kept = await post(core, 'meanwhile');
  t.same(cleared, []);
  while (step.ok && step.value !== undefined) step = await core.applier.submit(clearMessages(S, step.value));
  t.match(cleared, [{ up_to_seq: lastSeq }]);
  t.match(all(core), [{ id: kept.ok ? kept.value.id : '', content: 'meanwhile' }]);
  t.equal(core.store.view.queueUse(S).messages, 1);
});

import t from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import { MAX_COPIED_MESSAGES, MAX_COPIES_AT_ONCE, remixSession } from '../../../../controller/domain/sessions/commands/remix-session.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { assignment } from '../../../../controller/services/fleet/encode.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { ACCOUNT, type Core, NODE, newMessage, newSession, node, OTHER_NODE, openCore, SPACE, withAgents } from '../core.ts';

const MIB = 1024 * 1024;
const PARENT = '00000000-0000-4000-8000-0000000000aa' as SessionId;
const COPY = '00000000-0000-4000-8000-0000000000bb' as SessionId;

const asked = (more: Partial<Parameters<typeof remixSession>[0]> = {}) =>
  remixSession({
    ...{ id: COPY, parentId: PARENT, spaceId: SPACE, name: null, metadata: undefined, data: true, messages: false },
    ...{ baseImage: 'base', by: { accountId: ACCOUNT, user: 'admin' }, request: undefined, ...more },
  });

let reports = 0;
async function reported(core: Core, id: SessionId, phase: 'running' | 'failed', more: object = {}): Promise<void> {
  const { nodeId, generation } = core.session(id);
  if (nodeId === null) throw new Error('it is nowhere');
  reports += 1;
  const order = { incarnation: 1, boot: 1, number: reports };
  const about = {
    from: nodeId,
    sessionId: id,
    generation,
    phase,
    order,
    containerId: 'c',
    volume: 'v',
    reason: '',
    acceptedSeq: 0,
    ...more,
  };
  await core.applier.apply(recordReport(about));
}

/** A parent that has run on the first node, which is the fuller one. */
async function world(t: { teardown(run: () => void): unknown }): Promise<Core> {
  const nodes = [node(NODE, { cpuMillis: 200 }), node(OTHER_NODE)];
  const core = await openCore({ nodes });
  t.teardown(() => core.close());
  await core.applier.apply(newSession({ id: PARENT, metadata: { a: 1 }, timeouts: { ttl_s: 9 } }));
  await core.applier.apply({
    name: 'test-placed',
    decide: () => ({ mutations: [put('sessions', { ...core.session(PARENT), nodeId: NODE })], events: [], result: undefined }),
  });
  await reported(core, PARENT, 'running');
  return core;
}

t.test('a copy goes where the volume is, with the parent’s sizes, timeouts and metadata, until it has begun', async (t) => {
  const core = await world(t);
  const made = await core.applier.submit(asked());
  t.match(made, { ok: true, value: { parent_session_id: PARENT, metadata: { a: 1 }, timeouts: { ttl_s: 9 } } });
  t.match(core.session(COPY), { nodeId: NODE, copyFrom: PARENT, desired: 'running', requests: core.session(PARENT).requests });
  t.match(assignment(core.store.view, core.session(COPY)), { copyFrom: PARENT, spec: { volumeExpected: false } });
  await reported(core, COPY, 'running');
  t.equal(core.session(COPY).copyFrom, null);
  t.match(assignment(core.store.view, core.session(COPY)), { copyFrom: '', cancelled: [], spec: { volumeExpected: true } });
  const empty = 'e0000000-0000-4000-8000-000000000000' as SessionId;
  await core.applier.submit(asked({ id: empty, data: false, metadata: {} }));
  t.match(core.session(empty), { nodeId: OTHER_NODE, copyFrom: null, metadata: {} }, 'without data it goes where there is most room');
});

t.test('a copy of what has not begun copies what that was to copy, or nothing', async (t) => {
  const core = await world(t);
  await core.applier.submit(asked());
  const third = '00000000-0000-4000-8000-0000000000cc' as SessionId;
  await core.applier.submit(asked({ id: third, parentId: COPY }));
  t.match(core.session(third), { copyFrom: PARENT, parentId: COPY });
  const fresh = '00000000-0000-4000-8000-0000000000dd' as SessionId;
  await core.applier.apply(newSession({ id: fresh }));
  const fourth = '00000000-0000-4000-8000-0000000000ee' as SessionId;
  await core.applier.submit(asked({ id: fourth, parentId: fresh }));
  t.match(core.session(fourth), { copyFrom: null, parentId: fresh });
});

t.test('a copy of what has not begun copies that itself, when its own source is deleted', async (t) => {
  const core = await world(t);
  await core.applier.submit(asked());
  t.match(await core.applier.submit(removeSession(PARENT, 'deleted')), { ok: true });
  const third = '00000000-0000-4000-8000-0000000000cc' as SessionId;
  t.match(await core.applier.submit(asked({ id: third, parentId: COPY })), { ok: true });
  t.match(core.session(third), { copyFrom: COPY, parentId: COPY, nodeId: NODE }, 'the volume of the deleted one can be gone');
});

t.test('no room on the node that holds the volume is 503 with its reason, though another has plenty', async (t) => {
  const core = await world(t);
  const ids = ['1', '2', '3'].map((end) => `00000000-0000-4000-8000-00000000000${end}` as SessionId);
  const results = [];
  for (const id of ids) results.push(await core.applier.submit(asked({ id })));
  t.same(
    results.map(({ ok }) => ok),
    [true, true, true],
  );
  const full = await core.applier.submit(asked({ id: '00000000-0000-4000-8000-000000000009' as SessionId }));
  t.match(full, { ok: false, refusal: { code: 'UNAVAILABLE', message: /node-a has 0 CPU of 0.2 CPU left.*copied on their own node/ } });
});

t.test('each copy freezes the parent: of one volume so many can wait at once, and another as soon as one has begun', async (t) => {
  const core = await openCore({ nodes: [node(NODE, { cpuMillis: 1e6, memoryBytes: 1e6 * MIB })] });
  t.teardown(() => core.close());
  await core.applier.apply(newSession({ id: PARENT }));
  await reported(core, PARENT, 'running');
  const ids = Array.from({ length: MAX_COPIES_AT_ONCE }, () => systemRandom.uuid() as SessionId);
  const made = await Promise.all(ids.map((id) => core.applier.submit(asked({ id }))));
  t.ok(made.every(({ ok }) => ok));
  const [first] = ids;
  if (first === undefined) return t.fail('none');
  const more = () => core.applier.submit(asked({ id: systemRandom.uuid() as SessionId }));
  t.match(await more(), { ok: false, refusal: { code: 'RATE_LIMITED', details: { retry_after_s: 5 } } });
  t.match(
    await core.applier.submit(asked({ id: systemRandom.uuid() as SessionId, parentId: first })),
    { ok: false },
    'nor by way of a copy',
  );
  t.match(await core.applier.submit(asked({ id: systemRandom.uuid() as SessionId, data: false })), { ok: true }, 'without data');
  await reported(core, first, 'running');
  t.match(await more(), { ok: true });
});

t.test('a failed one is remixed where its volume is; not when that is gone, nor from a node that is lost', async (t) => {
  const core = await world(t);
  await reported(core, PARENT, 'failed', { reason: 'too many ends' });
  t.match(core.session(PARENT), { desired: 'failed', volume: 'v' });
  t.match(await core.applier.submit(asked()), { ok: true });
  await core.applier.submit(changeDesired(PARENT, 'recover', 0));
  await reported(core, PARENT, 'failed', { reason: 'The volume of this session is missing on its node.', volume: '' });
  const another = '00000000-0000-4000-8000-0000000000cc' as SessionId;
  t.match(await core.applier.submit(asked({ id: another })), { ok: false, refusal: { code: 'CONFLICT', message: /missing/ } });
  t.match(await core.applier.submit(asked({ id: another, data: false })), { ok: true });
});

t.test('in its own space it starts from what the parent started from, where its node lacks the newest image', async (t) => {
  const core = await world(t);
  await withAgents(core, ['helper'], 'newer');
  await core.applier.submit(asked());
  t.match(core.session(COPY), { image: 'base', agents: [] });
  await withAgents(core, ['other'], 'base');
  const another = '00000000-0000-4000-8000-0000000000cc' as SessionId;
  await core.applier.submit(asked({ id: another }));
  t.match(core.session(another), { image: 'base', agents: [{ name: 'other' }] }, 'and else from the newest, as any new session');
});

t.test('pending messages stay with the parent, answers find their questions, and a long conversation is cut at its old end', async (t) => {
  const core = await openCore({ nodes: [node(NODE, { memoryBytes: 64 * 1024 * MIB })] });
  t.teardown(() => core.close());
  await withAgents(core, ['helper']);
  await core.applier.apply(newSession({ id: PARENT }));
  await reported(core, PARENT, 'running');
  const question = newMessage(PARENT, 'answered');
  await core.applier.submit(postMessage(question));
  await core.applier.submit(postMessage(newMessage(PARENT, 'pending')));
  const { generation } = core.session(PARENT);
  const about = { from: NODE, generation, sessionId: PARENT, messageId: question.id, runId: systemRandom.uuid(), agent: 'helper' };
  await core.applier.apply(recordAnswer({ ...about, outcome: 'reply', content: 'yes', reason: '', durationMs: 1 }));
  await core.applier.submit(asked({ messages: true }));
  const { view } = core.store;
  const copied = view.messagesBefore(COPY, 1e9, 10);
  t.match(copied, [
    { seq: 3, role: 'agent', content: 'yes', sessionId: COPY },
    { seq: 1, role: 'user', content: 'answered', sessionId: COPY },
  ]);
  t.equal(copied.length, 2);
  t.equal(copied[0]?.inReplyTo, copied[1]?.id);
  t.equal(copied[0]?.metadata.in_reply_to, copied[1]?.id);
  t.same(view.queued(COPY, 10), []);
  t.match(core.session(COPY), { lastSeq: 3, outstanding: 0, epochSeq: 0 });
  const next = await core.applier.submit(postMessage(newMessage(COPY, 'next')));
  t.match(next, { ok: true, value: { seq: 4 } });
  t.equal(view.queued(PARENT, 10).length, 1);

  const many = Array.from({ length: MAX_COPIED_MESSAGES + 10 }, (_, index) => ({
    ...{ id: systemRandom.uuid() as MessageId, sessionId: PARENT, seq: 10 + index, role: 'system' as const, content: 'x', metadata: {} },
    ...{ inReplyTo: null, createdBy: 'admin', createdAt: 1 },
  }));
  await core.applier.apply({
    name: 'test-many',
    decide: () => ({ mutations: many.map((row) => put('messages', row)), events: [], result: undefined }),
  });
  const long = '00000000-0000-4000-8000-0000000000cc' as SessionId;
  await core.applier.submit(asked({ id: long, messages: true }));
  const kept = view.messagesBefore(long, 1e9, 10_000);
  t.equal(kept.length, MAX_COPIED_MESSAGES);
  t.equal(kept.at(-1)?.seq, 20);
});

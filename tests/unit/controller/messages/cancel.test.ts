import t, { type Test } from 'tap';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { acceptMessage } from '../../../../controller/domain/messages/commands/accept-message.ts';
import { cancelMessage } from '../../../../controller/domain/messages/commands/cancel-message.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { refuseInactive } from '../../../../controller/domain/messages/commands/refuse-inactive-agent.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { assignment } from '../../../../controller/services/fleet/encode.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, withAgents } from '../core.ts';

const S = 'session-1' as SessionId;
const T = 'session-2' as SessionId;

/** A session with three messages for one agent, of which its guest has the first `accepted`. */
async function posted(t: Test, more: Partial<SessionRow>, accepted = 0): Promise<{ core: Core; ids: MessageId[] }> {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  for (const id of [S, T]) await core.applier.submit(newSession({ id }));
  const row = core.store.view.get('sessions', S);
  if (row === undefined) throw new Error('no session');
  await core.applier.apply({
    name: 'arrange',
    decide: () => ({ mutations: [put('sessions', { ...row, hasRun: true, phase: 'running', ...more })], events: [], result: undefined }),
  });
  const ids: MessageId[] = [];
  for (const content of ['one', 'two', 'three']) {
    const message = newMessage(S, content, { wake: false });
    await core.applier.submit(postMessage(message));
    ids.push(message.id);
  }
  for (const messageId of ids.slice(0, accepted))
    await core.applier.apply(acceptMessage({ from: NODE, generation: 1, sessionId: S, messageId, settled: false }));
  return { core, ids };
}

const cancel = (core: Core, messageId: string, graceMs = 0, sessionId = S) =>
  core.applier.submit(cancelMessage({ sessionId, messageId: messageId as MessageId, graceMs }));

const reply = (core: Core, messageId: MessageId, more: object = {}) =>
  core.applier.apply(
    recordAnswer({
      ...{ from: NODE, generation: 1, sessionId: S, messageId, runId: 'r', agent: 'echo' },
      ...{ outcome: 'reply', content: 'hello', reason: '', durationMs: 3 },
      ...more,
    }),
  );

/** The answer to each message: a reply's content, an error's reason, or how it waits. */
const state = ({ store: { view } }: Core, ids: readonly MessageId[]) =>
  ids.map((id) => {
    const answer = view.answerTo(id);
    if (answer !== undefined) return answer.metadata.reason ?? answer.content;
    const queued = view.get('queue', id);
    return queued?.refusal?.reason === 'cancelled'
      ? 'refused'
      : queued?.cancelGraceMs === null
        ? 'waits'
        : `asked ${queued?.cancelGraceMs}`;
  });

const CASES: readonly [string, Partial<SessionRow>, number, number, readonly string[]][] = [
  ['a message that the guest has', {}, 3, 1, ['waits', 'asked 7', 'waits']],
  ['a message that can be on its way to the guest', {}, 0, 0, ['asked 7', 'waits', 'waits']],
  ['the same in a paused session', { desired: 'paused', phase: 'paused' }, 0, 0, ['asked 7', 'waits', 'waits']],
  ['the same while the container starts again', { phase: 'starting' }, 0, 0, ['asked 7', 'waits', 'waits']],
  ['the first message of a session that never ran', { hasRun: false, phase: 'starting' }, 0, 0, ['cancelled', 'waits', 'waits']],
  ['a later message of it', { hasRun: false, phase: 'none' }, 0, 1, ['waits', 'refused', 'waits']],
  ['a message posted to a suspended session', { desired: 'suspended', phase: 'suspended' }, 0, 0, ['cancelled', 'waits', 'waits']],
  ['one that the guest of a suspended session has', { desired: 'suspended', phase: 'suspended' }, 1, 0, ['asked 7', 'waits', 'waits']],
  ['the one behind it', { desired: 'suspended', phase: 'suspended' }, 1, 1, ['waits', 'refused', 'waits']],
  ['one from before a restore', { phase: 'none', epochSeq: 100 }, 0, 0, ['asked 7', 'waits', 'waits']],
];
for (const [name, row, accepted, at, expected] of CASES) {
  t.test(`${name}: ${expected[at]}`, async (t) => {
    const { core, ids } = await posted(t, row, accepted);
    t.match(await cancel(core, ids[at] ?? '', 7), { ok: true, value: { id: ids[at], role: 'user' } });
    t.same(state(core, ids), expected);
    t.match(await cancel(core, ids[at] ?? '', 9), { ok: true, value: { id: ids[at], role: 'user' } });
    t.same(state(core, ids), expected, 'a repetition changes nothing');
  });
}

t.test('refused: no such session or message, a message of another session, one that gets no answer', async (t) => {
  const { core, ids } = await posted(t, {}, 1);
  const [first = '' as MessageId] = ids;
  const note = newMessage(S, 'note', { role: 'system' });
  await core.applier.submit(postMessage(note));
  await reply(core, first);
  const answer = core.store.view.answerTo(first);
  t.match(await cancel(core, 'nothing'), { ok: false, refusal: { code: 'NOT_FOUND' } });
  t.match(await cancel(core, first, 0, T), { ok: false, refusal: { code: 'NOT_FOUND' } });
  t.match(await cancel(core, note.id), { ok: false, refusal: { code: 'CONFLICT' } });
  t.match(await cancel(core, answer?.id ?? ''), { ok: false, refusal: { code: 'CONFLICT' } });
  await core.applier.submit(removeSession(S, 'deleted'));
  t.match(await cancel(core, first), { ok: false, refusal: { code: 'NOT_FOUND' } });
});

t.test('the first answer stands, whoever gives it; a repetition can only shorten the grace', async (t) => {
  const { core, ids } = await posted(t, {}, 3);
  const [first = '' as MessageId, second = '' as MessageId, third = '' as MessageId] = ids;
  await cancel(core, first, 5000);
  t.same(state(core, ids)[0], 'asked 5000');
  await cancel(core, first, 2000);
  await cancel(core, first, 60_000);
  t.same(state(core, ids)[0], 'asked 2000');
  await cancel(core, second);
  const row = core.store.view.get('sessions', S);
  t.match(row && assignment(core.store.view, row)?.cancelled, [
    { messageId: first, graceMs: 2000 },
    { messageId: second, graceMs: 0 },
  ]);
  t.equal(await reply(core, first), 'committed');
  t.equal(await reply(core, second, { outcome: 'error', reason: 'cancelled' }), 'committed');
  t.equal(await reply(core, second), 'duplicate');
  await cancel(core, first);
  await reply(core, third);
  t.same(state(core, ids), ['hello', 'cancelled', 'hello']);
  t.same(core.store.view.cancelled(S), []);
});

t.test('a refused message gets its answer once all earlier ones have theirs', async (t) => {
  const { core, ids } = await posted(t, { desired: 'suspended', phase: 'suspended' }, 1);
  await cancel(core, ids[2] ?? '');
  await cancel(core, ids[1] ?? '');
  t.same(state(core, ids), ['waits', 'refused', 'refused']);
  t.same(core.store.view.undelivered(S, 10), [], 'it is never delivered');
  await reply(core, ids[0] ?? ('' as MessageId));
  t.same(state(core, ids), ['hello', 'cancelled', 'cancelled']);
});

t.test('a cancelled message of a session that fails, or of an inactive agent, is answered as cancelled', async (t) => {
  const { core, ids } = await posted(t, {}, 1);
  await cancel(core, ids[0] ?? '');
  await cancel(core, ids[1] ?? '');
  const agent = core.store.view.agentByName(core.store.view.get('sessions', S)?.spaceId ?? ('' as never), 'echo');
  if (agent === undefined) throw new Error('no agent');
  const inactive = put('agents', { ...agent, wanted: 'inactive' });
  await core.applier.apply({ name: 'arrange', decide: () => ({ mutations: [inactive], events: [], result: undefined }) });
  await core.applier.apply(refuseInactive(ids[1] ?? ('' as MessageId)));
  t.same(state(core, ids), ['asked 0', 'refused', 'waits']);
  const failed = { from: NODE, sessionId: S, generation: 1, phase: 'failed', order: { incarnation: 1, boot: 1, number: 1 } } as const;
  await core.applier.apply(recordReport({ ...failed, containerId: '', volume: '', reason: 'gone', acceptedSeq: 0 }));
  t.same(state(core, ids), ['cancelled', 'cancelled', 'session_failed']);
});

/** What agents ask one another: stored once with the answer, listed only where asked for, bounded, and gone with the conversation. */
import t, { type Test } from 'tap';
import { MAX_HOPS } from '../../../../controller/contract/messages.ts';
import type { MessageId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { contextOf } from '../../../../controller/domain/messages/choose-agent.ts';
import { clearMessages } from '../../../../controller/domain/messages/commands/clear-messages.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { hopObjects } from '../../../../controller/domain/messages/hops.ts';
import { remixSession } from '../../../../controller/domain/sessions/commands/remix-session.ts';
import { DEFAULT_SIZE_RULES } from '../../../../controller/domain/sessions/session-sizes.ts';
import { decodeHops } from '../../../../controller/services/fleet/decode-hops.ts';
import type { Hop__Output as Hop } from '../../../../proto/generated/raworc/v0/Hop.ts';
import { scriptedHops } from '../../../hollow/hops.ts';
import { ACCOUNT, type Core, NODE, newMessage, newSession, node, openCore, SPACE, withAgents } from '../core.ts';
import { watchedLists } from '../store/watched-lists.ts';

const S = 'session-1' as SessionId;
const PAGE = { limit: 100, offset: 0 };

async function opened(t: Test, history = DEFAULT_SIZE_RULES.history) {
  const sizes = { ...DEFAULT_SIZE_RULES, memoryOvercommit: 0, history };
  const core = await openCore({ nodes: [node(NODE)], sizes });
  const { lists, close } = watchedLists(core.store.path);
  t.teardown(() => {
    close();
    core.close();
  });
  await withAgents(core, ['planner']);
  await core.applier.submit(newSession({ id: S }));
  return { core, lists };
}

async function post(core: Core, content: string): Promise<MessageId> {
  const message = newMessage(S, content);
  await core.applier.submit(postMessage(message));
  return message.id;
}

const reply = (core: Core, messageId: MessageId, hops: readonly Hop[], content = 'done') =>
  core.applier.apply(
    recordAnswer({
      ...{ from: NODE, generation: 1, sessionId: S, messageId, runId: 'r', agent: 'planner' },
      ...{ outcome: 'reply', content, reason: '', durationMs: 3, hops: decodeHops(hops).hops },
    }),
  );

const SCRIPT = 'hops planner>one planner>two one=>three';

t.test('hops are stored once with the answer, and are seen only where they are asked for', async (t) => {
  const { core, lists } = await opened(t);
  const { view } = core.store;
  const before = await post(core, 'before');
  await reply(core, before, []);
  const id = await post(core, SCRIPT);
  const hops = scriptedHops(id, SCRIPT, Date.now());
  t.equal(await reply(core, id, hops), 'committed');
  t.equal(await reply(core, id, scriptedHops(id, 'hops planner>late', 0), 'late'), 'duplicate');

  const plain = await lists.messages(S, {}, PAGE);
  t.same(
    plain.items.map(({ seq, content }) => [seq, content]),
    [
      [1, 'before'],
      [2, 'done'],
      [3, SCRIPT],
      [10, 'done'],
    ],
  );
  t.equal(plain.total, 4);
  t.equal(await lists.countMessages(S), 4);
  t.match(plain.items[3]?.metadata, { hops: 3, in_reply_to: id });
  t.notOk('hops' in (plain.items[1]?.metadata ?? {}));

  const all = await lists.messages(S, { hops: true }, PAGE);
  t.same(
    all.items.map(({ seq, role, createdBy, metadata }) => [seq, role, createdBy, metadata.type, metadata.in_reply_to]),
    [
      [1, 'user', 'admin', undefined, undefined],
      [2, 'agent', 'planner', 'agent_response', before],
      [3, 'user', 'admin', undefined, undefined],
      [4, 'user', 'planner', 'hop', id],
      [5, 'agent', 'one', 'hop', hops[0]?.id],
      [6, 'user', 'planner', 'hop', id],
      [7, 'agent', 'two', 'hop', hops[1]?.id],
      [8, 'user', 'one', 'hop', hops[0]?.id],
      [9, 'agent', 'three', 'hop', hops[2]?.id],
      [10, 'agent', 'planner', 'agent_response', id],
    ],
  );
  t.equal(all.total, 10);
  t.equal(await lists.countMessages(S, { hops: true }), 10);
  const page = async (query: object, request: object) =>
    (await lists.messages(S, { hops: true, ...query }, { ...PAGE, ...request })).items.map(({ seq }) => seq);
  t.same(await page({ role: 'agent' }, { limit: 2, offset: 1, order: 'desc' }), [9, 7]);
  t.same(await page({ afterSeq: 8 }, {}), [9, 10]);

  t.equal(await lists.hops(before).then((rows) => rows.length), 0);
  t.match(hopObjects(await lists.hops(id)), [
    { id: hops[0]?.id, kind: 'ask', from: 'planner', to: 'one', question: `planner>one of ${id}`, answer: `one: planner>one of ${id}` },
    { id: hops[1]?.id, kind: 'ask', from: 'planner', to: 'two', waited_ms: 1, duration_ms: 11, outcome: 'reply', run_id: 'run-1' },
    { id: hops[2]?.id, parent_id: hops[0]?.id, kind: 'handoff', from: 'one', to: 'three' },
  ]);

  const next = await post(core, 'next');
  const message = view.get('messages', next);
  const context = message && contextOf(view, core.session(S), message);
  t.equal(JSON.parse(context ?? '{}').history.length, 4, 'agents do not see them either');
  t.same(view.historyUse(S).messages, 11);
});

t.test('a copy of the session has the answer without its hops', async (t) => {
  const { core, lists } = await opened(t);
  const id = await post(core, SCRIPT);
  await reply(core, id, scriptedHops(id, SCRIPT, 0));
  const copy = '00000000-0000-4000-8000-0000000000c0' as SessionId;
  const remixed = await core.applier.submit(
    remixSession({
      ...{ id: copy, parentId: S, spaceId: SPACE, name: null, by: { accountId: ACCOUNT, user: 'admin' }, metadata: {} },
      ...{ data: false, messages: true, baseImage: 'base', request: undefined },
    }),
  );
  t.match(remixed, { ok: true });
  const copied = await lists.messages(copy, { hops: true }, PAGE);
  t.same(
    copied.items.map(({ seq, content }) => [seq, content]),
    [
      [1, SCRIPT],
      [8, 'done'],
    ],
  );
  t.notOk('hops' in (copied.items[1]?.metadata ?? {}));
});

t.test('the oldest are forgotten with their messages, and all when the session is cleared', async (t) => {
  const { core, lists } = await opened(t, { messages: 20, bytes: 0 });
  for (let at = 0; at < 10; at += 1) {
    const id = await post(core, SCRIPT);
    await reply(core, id, scriptedHops(id, SCRIPT, 0));
    const { total } = await lists.messages(S, { hops: true }, PAGE);
    t.equal(core.store.view.historyUse(S).messages, total);
    t.ok(total <= 28, `${total}: those of one answer come on top`);
  }
  const kept = await lists.messages(S, { hops: true }, PAGE);
  t.ok(kept.total > 8);
  const oldest = kept.items.find(({ metadata }) => metadata.type === 'hop');
  t.equal(oldest?.role, 'agent', 'its question is gone already');
  const traces = await Promise.all(kept.items.map(async ({ id }) => hopObjects(await lists.hops(id)).length));
  t.ok(traces.includes(3));
  let cleared = await core.applier.submit(clearMessages(S));
  while (cleared.ok && cleared.value !== undefined) cleared = await core.applier.submit(clearMessages(S, cleared.value));
  t.equal((await lists.messages(S, { hops: true }, PAGE)).total, 0);
  t.same(core.store.view.historyUse(S), { messages: 0, bytes: 0 });
});

t.test('a guest can send what it likes: bounded, and never a failure', async (t) => {
  const { core, lists } = await opened(t);
  const id = await post(core, 'hello');
  const [like = undefined] = scriptedHops(id, 'hops planner>one', 0);
  if (like === undefined) throw new Error('no hop');
  const uuid = (at: number) => `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`;
  const hop = (at: number, more: Partial<Hop> = {}): Hop => ({ ...like, id: uuid(at * 2), ...more });

  const invalid: Partial<Hop>[] = [
    { id: 'x' },
    { id: uuid(1).toUpperCase().replace('4000', '4ABC') },
    { parentId: uuid(99) },
    { kind: 'HOP_KIND_UNSPECIFIED' },
    { outcome: 'OUTCOME_UNSPECIFIED' },
    { fromAgent: '' },
    { toAgent: '' },
  ];
  for (const more of invalid) t.match(decodeHops([hop(1, more), hop(2)]), { dropped: 1, hops: { length: 1 } }, JSON.stringify(more));
  t.match(decodeHops([hop(1), hop(1), hop(2, { parentId: uuid(2) })]), { dropped: 1, hops: { length: 2 } });
  const many = decodeHops(Array.from({ length: 150 }, (_, at) => hop(at)));
  t.match(many, { dropped: 50, hops: { length: MAX_HOPS.hops } });
  const [odd] = decodeHops([
    hop(1, { runId: '../x', toAgent: `\u001b${'a'.repeat(99)}`, reason: '\u001b', askedAtMs: 2 ** 60, waitedMs: 2 ** 60, durationMs: -1 }),
  ]).hops;
  t.match(odd, { to: `\\u001b${'a'.repeat(58)}`, runId: null, reason: '\\u001b', durationMs: 0 });

  const large = decodeHops([
    hop(1, { content: 'ü'.repeat(400_000), answer: 'é'.repeat(400_000) }),
    hop(2, { content: 'more', answer: '' }),
    hop(3, { content: '', answer: '' }),
  ]).hops;
  const bytes = large.reduce((sum, one) => sum + Buffer.byteLength(one.question) + Buffer.byteLength(one.answer), 0);
  t.ok(bytes <= MAX_HOPS.bytes && bytes > MAX_HOPS.bytes - 4, `${bytes}`);
  t.same(
    large.map(({ truncated }) => truncated),
    [true, true, false],
  );
  t.notMatch(large[0]?.answer, /\ufffd/);

  // The answer's id of the first is the id of the second.
  t.equal(await reply(core, id, [hop(1), hop(0, { id: uuid(3) }), hop(4, { askedAtMs: 2 ** 60 })]), 'committed');
  t.same(
    hopObjects(await lists.hops(id)).map((one) => one.id),
    [uuid(2), uuid(8)],
  );
  const other = await post(core, 'other');
  t.equal(await reply(core, other, [hop(1), hop(6, { parentId: uuid(2) }), hop(7)]), 'committed');
  t.same(
    hopObjects(await lists.hops(other)).map((one) => one.id),
    [uuid(14)],
    'ids of other messages are not taken over, with what is below them',
  );
  t.match(core.store.view.answerTo(other)?.metadata, { hops: 1 });
  t.same(core.fatal, []);
});

/** What sessions and spaces keep in the store: counted as it is written, bounded, and the oldest of a conversation forgotten. */
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { putSource } from '../../../../controller/domain/agents/commands/put-source.ts';
import type { AgentId, MessageId, NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { clearMessages } from '../../../../controller/domain/messages/commands/clear-messages.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { processBacklog } from '../../../../controller/domain/messages/commands/process-backlog.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { remixSession } from '../../../../controller/domain/sessions/commands/remix-session.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { updateSession } from '../../../../controller/domain/sessions/commands/update-session.ts';
import { DEFAULT_SIZE_RULES, type SizeRules } from '../../../../controller/domain/sessions/session-sizes.ts';
import { changeSpace, removeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { decodeHops } from '../../../../controller/services/fleet/decode-hops.ts';
import { scriptedHops } from '../../../hollow/hops.ts';
import { ACCOUNT, type Core, newMessage, newSession, openCore, SPACE, seeded, withAgents } from '../core.ts';

const MIB = 1024 * 1024;

async function opened(t: Test, sizes: Partial<SizeRules> = {}): Promise<Core> {
  const core = await openCore({ sizes: { ...DEFAULT_SIZE_RULES, memoryOvercommit: 0, ...sizes } });
  t.teardown(() => core.close());
  return core;
}

/** Added up from the rows, which the product never does. */
function recounted(core: Core) {
  const database = new Database(core.store.path, { readonly: true });
  try {
    const size = 'octet_length(m.content) + octet_length(m.metadata)';
    const kept = '(select session_id, content, metadata from messages union all select session_id, content, metadata from hops) m';
    const sessions = database
      .prepare(`select m.session_id as id, count(*) as messages, sum(${size}) as bytes from ${kept} group by m.session_id`)
      .all() as { id: SessionId; messages: number; bytes: number }[];
    const inMessages = database
      .prepare(`select coalesce(sum(${size}), 0) as bytes from ${kept} join sessions s on s.id = m.session_id where s.space_id = ?`)
      .get(SPACE) as { bytes: number };
    const others = [
      'select coalesce(sum(source_bytes), 0) as bytes from agents where space_id = ?',
      'select coalesce(sum(octet_length(data)), 0) as bytes from events where space_id = ?',
      'select coalesce(sum(octet_length(sealed)), 0) as bytes from secrets where space_id = ?',
      `select coalesce(sum(octet_length(metadata)), 0) as bytes from sessions where space_id = ? and desired <> 'deleted'`,
    ];
    const sums = others.map((text) => (database.prepare(text).get(SPACE) as { bytes: number }).bytes);
    return { sessions, bytes: sums.reduce((sum, bytes) => sum + bytes, inMessages.bytes) };
  } finally {
    database.close();
  }
}

function agrees(t: Test, core: Core, what: string): void {
  const { sessions, bytes } = recounted(core);
  for (const { id, ...use } of sessions) t.same(core.store.view.historyUse(id), use, `${what}: ${id}`);
  t.equal(core.store.view.storedBytes(SPACE), bytes, what);
}

const source = (sizeBytes: number) => ({
  ...{ digest: `sha256:${sizeBytes}`, sizeBytes, files: 1, texts: { description: null, purpose: null } },
  program: { runtime: 'python', handler: 'main.process_message', idempotent: false } as const,
});
const maker = { accountId: ACCOUNT, user: 'admin' };

t.test('sums are those of the rows, whatever is written and removed', async (t) => {
  const core = await opened(t);
  await withAgents(core, ['one', 'two']);
  const random = seeded(7);
  const upTo = (most: number) => Math.floor(random() * most);
  const ids: SessionId[] = [];
  const refused = new Set<string>();
  let hopped = 0;
  for (let at = 0; at < 120; at += 1) {
    const id = ids[upTo(ids.length)];
    const kind = upTo(6);
    if (id === undefined || kind === 0) {
      const made = await core.applier.submit(newSession({ metadata: { of: 'é'.repeat(upTo(200)) } }));
      if (made.ok) ids.push(made.value.id as SessionId);
    } else if (kind === 1 && random() < 0.3) {
      await core.applier.submit(removeSession(id, 'test'));
      while (await core.applier.apply(processBacklog(id)));
      ids.splice(ids.indexOf(id), 1);
    } else if (kind === 2) {
      for (let seq: number | undefined; ; ) {
        const cleared = await core.applier.submit(clearMessages(id, seq));
        if (!cleared.ok || cleared.value === undefined) break;
        seq = cleared.value;
      }
    } else if (kind === 3) {
      const remix = { id: `remix-${at}-0000-4000-8000-000000000000` as SessionId, parentId: id, spaceId: SPACE, name: null, by: maker };
      const more = { metadata: undefined, data: false, messages: true, baseImage: 'base', request: undefined };
      const made = await core.applier.submit(remixSession({ ...remix, ...more }));
      if (made.ok) ids.push(remix.id);
    } else if (kind === 4) {
      await core.applier.submit(putSource((random() < 0.5 ? 'agent-one' : 'agent-two') as AgentId, source(upTo(5000))));
    } else {
      const role = random() < 0.4 ? 'system' : 'user';
      const content = 'é🙂x'.repeat(upTo(300));
      const posted = await core.applier.submit(postMessage(newMessage(id, content, { role, metadata: { of: content.slice(0, 9) } })));
      if (!posted.ok) refused.add(posted.refusal.code);
      else if (role === 'user' && random() < 0.5) {
        const answered = { sessionId: id, messageId: posted.value.id as MessageId, generation: 1, runId: 'r', agent: 'one' };
        const { hops } = decodeHops(scriptedHops(posted.value.id, 'hops one>two two=>one', 0));
        const from = core.session(id).nodeId as NodeId;
        await core.applier.apply(recordAnswer({ ...answered, from, outcome: 'reply', content, reason: '', durationMs: 1, hops }));
        hopped += core.store.view.get('messages', posted.value.id) === undefined ? 0 : 1;
      }
    }
    if (at % 20 === 19) agrees(t, core, `after ${at + 1} commands`);
  }
  t.ok(recounted(core).bytes > 0);
  t.same([...refused], []);
  t.ok(hopped > 3, 'some messages have hops');
  for (const id of ids) {
    await core.applier.submit(removeSession(id, 'test'));
    while (await core.applier.apply(processBacklog(id)));
  }
  agrees(t, core, 'without sessions');
  await core.applier.apply({
    name: 'test-no-agents',
    decide: ({ view }) => ({
      mutations: view.agentsIn(SPACE).map(({ id }) => ({ kind: 'remove', table: 'agents', id })),
      events: [],
      result: undefined,
    }),
  });
  for (let at = 0; at < 3; at += 1) {
    const row = { id: 'secret', spaceId: SPACE, keyName: 'KEY', description: null, sealed: 'x'.repeat(10 * at), keyId: 'k' };
    await core.applier.apply({
      name: 'test-secret',
      decide: ({ now }) => ({
        mutations: [put('secrets', { ...row, createdAt: now, updatedAt: now, createdBy: 'x' })],
        events: [],
        result: undefined,
      }),
    });
    agrees(t, core, `a secret of ${10 * at} characters`);
  }
  const before = core.store.view.storedBytes(SPACE);
  await core.applier.apply({
    name: 'test-end',
    decide: ({ now }) => ({
      mutations: [
        { kind: 'remove', table: 'secrets', id: 'secret' },
        { kind: 'prune', table: 'events', before: now + 1, limit: 1_000_000 },
      ],
      events: [],
      result: undefined,
    }),
  });
  agrees(t, core, 'when events are pruned');
  t.ok(core.store.view.storedBytes(SPACE) < before / 10);
});

t.test('a command that fails, and a batch that is lost, count for nothing', async (t) => {
  const core = await opened(t);
  const made = await core.applier.submit(newSession());
  if (!made.ok) return t.fail(made.refusal.message);
  const before = core.store.view.storedBytes(SPACE);
  const failing = core.applier.apply({
    name: 'test-fails',
    decide({ view, now }) {
      const row = { ...newMessage(made.value.id as SessionId, 'lost'), seq: 1, inReplyTo: null, createdBy: 'x', createdAt: now };
      const { wake, user, request, ...message } = row;
      return { mutations: [put('messages', message), put('messages', { ...message, seq: Number.NaN })], events: [], result: view };
    },
  });
  await t.rejects(failing);
  t.equal(core.store.view.storedBytes(SPACE), before);
});

t.test('a space keeps no more than its quota: messages of every role, disks, sources', async (t) => {
  const core = await opened(t);
  await withAgents(core, ['one']);
  const disk = 10 * MIB;
  const limits = { cpuMillis: 100, memoryBytes: 64 * MIB, diskBytes: disk, processes: 16 };
  let allowed = 0;
  const quota = (storage_bytes: number) => {
    allowed = storage_bytes;
    return core.applier.submit(changeSpace(SPACE, { settings: { quotas: { storage_bytes } } }, true));
  };
  await quota(disk + 20_000);
  const made = await core.applier.submit(newSession({ limits }));
  if (!made.ok) return t.fail(made.refusal.message);
  const id = made.value.id as SessionId;
  const beyond = (asked: number) => ({
    ok: false,
    refusal: { code: 'CONFLICT', message: /bytes of storage/, details: { quota: 'storage_bytes', allowed, asked } },
  });
  t.match(await core.applier.submit(newSession({ limits })), beyond(disk));
  const post = (role: 'user' | 'system', length: number) => core.applier.submit(postMessage(newMessage(id, 'x'.repeat(length), { role })));
  t.match(await post('system', 4_000), { ok: true });
  t.match(await post('user', 4_000), { ok: true });
  t.match(await post('system', 4_000), beyond(4_002), 'system messages are not free');
  t.match(await post('user', 4_000), beyond(4_002));
  await core.applier.submit(clearMessages(id));
  t.match(await post('system', 11_000), beyond(11_002), 'what was cleared is still in the events');
  const agent = 'agent-one' as AgentId;
  t.match(await core.applier.submit(putSource(agent, source(12_000))), beyond(11_999), 'the source before it goes');
  t.match(await core.applier.submit(putSource(agent, source(500))), { ok: true });
  const remix = { id: 'r' as SessionId, parentId: id, spaceId: SPACE, name: null, by: maker };
  const copy = { ...remix, metadata: undefined, data: false, messages: true, baseImage: 'base', request: undefined };
  t.match(await core.applier.submit(remixSession(copy)), beyond(disk), 'nor is a copy');
  await quota(0);
  t.match(await core.applier.submit(clearMessages(id)), { ok: true }, 'what makes room goes on');
  await core.applier.submit(removeSession(id, 'test'));
  t.equal(core.fleet.spaceUse(SPACE).diskBytes, 0);
});

t.test('metadata that are changed again and again, each time in an event, fill no space beyond its quota', async (t) => {
  const core = await opened(t);
  const made = await core.applier.submit(newSession());
  if (!made.ok) return t.fail(made.refusal.message);
  const id = made.value.id as SessionId;
  const allowed = core.fleet.spaceUse(SPACE).diskBytes + core.store.view.storedBytes(SPACE) + 100_000;
  t.match(await core.applier.submit(changeSpace(SPACE, { settings: { quotas: { storage_bytes: allowed } } }, true)), { ok: true });
  const used = () => core.fleet.spaceUse(SPACE).diskBytes + core.store.view.storedBytes(SPACE);
  const metadata = { of: 'x'.repeat(10_000) };
  const outcomes = [];
  for (let at = 0; at < 30; at += 1)
    outcomes.push(await core.applier.submit(updateSession(id, at % 2 === 0 ? { metadata } : { name: `n${at}` })));
  t.match(outcomes[0], { ok: true });
  t.match(outcomes.at(-2), { ok: false, refusal: { code: 'CONFLICT', details: { quota: 'storage_bytes', asked: 10_009 } } });
  t.match(outcomes.at(-1), { ok: false }, 'a new name is recorded with all metadata, too');
  t.ok(used() <= allowed + 1000, `${used() - allowed} bytes beyond`);
  t.match(await core.applier.submit(updateSession(id, { metadata: {} })), { ok: true }, 'smaller ones make room');
});

t.test('a session with metadata that is paused and resumed without end fills no more than the quota', async (t) => {
  const core = await opened(t);
  const made = await core.applier.submit(newSession({ metadata: { of: 'x'.repeat(10_000) } }));
  const plain = await core.applier.submit(newSession());
  if (!made.ok || !plain.ok) return t.fail('not made');
  const used = () => core.fleet.spaceUse(SPACE).diskBytes + core.store.view.storedBytes(SPACE);
  const allowed = used() + 100_000;
  await core.applier.submit(changeSpace(SPACE, { settings: { quotas: { storage_bytes: allowed } } }, true));
  const cycle = async (id: string) => {
    await core.applier.submit(changeDesired(id as SessionId, 'pause', 0));
    return core.applier.submit(changeDesired(id as SessionId, 'resume', 0));
  };
  t.match(await cycle(made.value.id), { ok: true });
  let last = await cycle(made.value.id);
  for (let at = 0; at < 30; at += 1) last = await cycle(made.value.id);
  t.match(last, { ok: false, refusal: { code: 'CONFLICT', details: { quota: 'storage_bytes', asked: 10_009 } } });
  t.ok(used() <= allowed + 25_000, `${used() - allowed} bytes beyond: what pausing once adds`);
  t.match(await cycle(plain.value.id), { ok: true }, 'others go on');
});

t.test('a conversation keeps its newest messages; what waits for an answer is not among the forgotten', async (t) => {
  const core = await opened(t, { history: { messages: 10, bytes: 100_000 } });
  await withAgents(core, ['one']);
  const made = await core.applier.submit(newSession());
  if (!made.ok) return t.fail(made.refusal.message);
  const id = made.value.id as SessionId;
  const kept = () => core.store.view.messagesBefore(id, Number.MAX_SAFE_INTEGER, 100).map(({ seq }) => seq);
  const asked = await core.applier.submit(postMessage(newMessage(id, 'unanswered')));
  for (let at = 0; at < 30; at += 1) await core.applier.submit(postMessage(newMessage(id, 'note', { role: 'system' })));
  t.same(kept(), [31, 30, 29, 28, 27, 26, 25, 24, 23, 1], 'the first one still waits');
  await core.applier.submit(postMessage(newMessage(id, 'x'.repeat(99_988), { role: 'system' })));
  t.same(kept(), [32, 1], 'bytes count too');
  if (!asked.ok) return t.fail(asked.refusal.message);
  const { nodeId } = core.session(id);
  if (nodeId === null) return t.fail('it is placed');
  const given = { from: nodeId, generation: 1, sessionId: id, messageId: asked.value.id, runId: 'run', agent: 'one' } as const;
  const answered = await core.applier.apply(
    recordAnswer({ ...given, outcome: 'reply', content: 'here', reason: '', durationMs: 1 } as Parameters<typeof recordAnswer>[0]),
  );
  t.equal(answered, 'committed');
  for (let at = 0; at < 2; at += 1) await core.applier.submit(postMessage(newMessage(id, 'x'.repeat(60_000), { role: 'system' })));
  t.same(kept(), [35], 'once it is answered, it goes with the rest');
  agrees(t, core, 'after all');
});

t.test('a space that is removed leaves no sum behind', async (t) => {
  const core = await opened(t);
  const OTHER = '00000000-0000-4000-8000-00000000000a' as typeof SPACE;
  const row = { id: OTHER, name: 'other', description: null, settings: {}, secretsVersion: 0, active: true, createdBy: 'x' };
  await core.applier.apply({
    name: 'test-space',
    decide: ({ now }) => ({ mutations: [put('spaces', { ...row, createdAt: now, updatedAt: now })], events: [], result: undefined }),
  });
  const made = await core.applier.submit(newSession({ spaceId: OTHER }));
  if (!made.ok) return t.fail(made.refusal.message);
  await core.applier.submit(postMessage(newMessage(made.value.id as SessionId, 'hello', { role: 'system' })));
  t.ok(core.store.view.storedBytes(OTHER) > 7);
  await core.applier.submit(removeSession(made.value.id as SessionId, 'test'));
  t.match(await core.applier.submit(removeSpace(OTHER)), { ok: true });
  t.equal(core.store.view.storedBytes(OTHER), 0);
});

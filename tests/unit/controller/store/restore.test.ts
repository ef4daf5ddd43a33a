import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { backUp } from '../../../../controller/backup/backup.ts';
import { restore } from '../../../../controller/backup/restore.ts';
import type { MessageId, NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { createNodeToken } from '../../../../controller/domain/nodes/commands/join-tokens.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { ACCOUNT, type Core, NODE, newMessage, newSession, node, openCore, SPACE, withAgents } from '../core.ts';
import { fleetOver, hello, joins, running } from '../fleet/world.ts';

const [LIVES, CHANGED, RESTS, GONE] = ['lives', 'changed', 'rests', 'gone'] as SessionId[] as [SessionId, SessionId, SessionId, SessionId];
const NOW = 1_800_000_000_000;
const EPOCH = NOW / 1000;

const settled = (core: Core) => core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
const sessionOf = (core: Core, id: SessionId): SessionRow => core.session(id);

async function temporary(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-restore-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A controller's directory, as far as a backup looks at it. */
async function kept(parent: string): Promise<string> {
  const directory = join(parent, 'controller');
  await mkdir(join(directory, 'keys', 'ca'), { recursive: true });
  await mkdir(join(directory, 'sources'));
  for (const [name, text] of Object.entries({
    'cluster-id': 'cluster',
    epoch: '1',
    'keys/store.key': 'secret',
    'keys/ca/ca.key': 'pem',
    'keys/ca/ca.key.new': 'half',
    'sources/ab.tar.gz': 'agent',
    'sources/incoming-1.tar.gz': 'half',
  }))
    await writeFile(join(directory, name), `${text}\n`);
  return directory;
}

/** What was there when the backup was taken: of four sessions one is suspended, and messages wait. */
async function backedUp(t: Test) {
  const parent = await temporary(t);
  const directory = await kept(parent);
  const core = await openCore({ nodes: [node(NODE)], directory });
  await joins(core, NODE);
  await withAgents(core, ['echo']);
  for (const id of [LIVES, CHANGED, RESTS, GONE]) {
    await core.applier.submit(newSession({ id }));
    const seen = { containerId: `c-${id}`, volume: `v-${id}`, reason: '', acceptedSeq: 0 };
    await core.applier.apply(
      recordReport({ from: NODE, sessionId: id, generation: 1, phase: 'running', order: { incarnation: 1, boot: 1, number: 1 }, ...seen }),
    );
  }
  for (const id of [CHANGED, RESTS]) await core.applier.submit(changeDesired(id, 'suspend', 0));
  const unused = { id: 'unused', secretHash: 'h', ttlMs: 60_000, uses: 1, labels: {}, user: 'admin' };
  await core.applier.submit(createNodeToken(unused));
  const waiting = [newMessage(LIVES, 'one'), newMessage(LIVES, 'two')];
  for (const message of waiting) await core.applier.submit(postMessage(message));
  const file = join(parent, 'backup.tar');
  const made = await backUp(directory, file, '0');
  core.close();
  return { parent, directory, file, made, waiting };
}

/** The same, restored into an empty directory and opened in its new life. */
async function restored(t: Test) {
  const before = await backedUp(t);
  await rm(before.directory, { recursive: true });
  const { epoch } = await restore(before.file, before.directory, { force: false, nowMs: NOW });
  const core = await openCore({ nodes: [node(NODE)], directory: before.directory });
  return { ...before, core, epoch, ...fleetOver(t, core, { epoch }) };
}

const reportOf = (sessionId: SessionId, more: object) => {
  const frame = running({ sessionId, containerId: `c-${sessionId}`, ...more });
  if (frame.kind !== 'report') throw new Error('no report');
  return frame.value;
};
const holding = (sessions: ReturnType<typeof reportOf>[]): NodeFrame => ({
  kind: 'inventory',
  value: { sessions, images: ['base'], tombstones: [], orphans: [], part: 0, more: false },
});

t.test('the first inventory after a restore: above all that was told before, and nothing that lives is to end', async (t) => {
  const { core, connect } = await restored(t);
  t.match(core.store.view.get('nodeTokens', 'unused'), { used: 0, revokedAt: EPOCH * 1000 }, 'it can have been used after the backup');
  const inventory = [
    reportOf(LIVES, { generation: 5, acceptedSeq: 9 }),
    reportOf(CHANGED, { generation: 3 }),
    reportOf(RESTS, { generation: 2, phase: 'SUSPENDED', containerId: '' }),
  ];
  const fake = connect(NODE, hello({ epoch: 1 }), holding(inventory));
  const set = await fake.until(() => fake.of('assignmentSet')[0]);
  const told = (id: SessionId) => set.assignments.find(({ sessionId }) => sessionId === id);
  for (const id of [LIVES, CHANGED, RESTS, GONE]) t.ok((told(id)?.generation ?? 0) >= EPOCH, `${id} is told anew`);
  t.equal(told(LIVES)?.desired, 'DESIRED_RUNNING');
  t.equal(told(CHANGED)?.desired, 'DESIRED_RUNNING', 'resumed after the backup: it runs on');
  t.equal(told(RESTS)?.desired, 'DESIRED_SUSPENDED', 'as it was, and the node knows nothing newer');
  t.match(told(GONE), { desired: 'DESIRED_RUNNING', spec: { volumeExpected: true } }, 'its volume is missed, and none made anew');
  t.match(sessionOf(core, GONE), { phase: 'none', containerId: null });

  fake.say({ kind: 'report', value: reportOf(LIVES, { generation: told(LIVES)?.generation, acceptedSeq: 9 }) });
  fake.say({ kind: 'report', value: reportOf(GONE, { generation: told(GONE)?.generation, phase: 'FAILED', reason: 'no volume' }) });
  await settled(core);
  t.match(sessionOf(core, LIVES), { phase: 'running', observedGeneration: told(LIVES)?.generation });
  t.match(sessionOf(core, GONE), { desired: 'failed', reason: 'no volume' });
});

t.test('a report from after the backup gives a session its desired state back, and is no old one', async (t) => {
  const { core } = await restored(t);
  const seen = { containerId: 'c', volume: 'v', reason: '', acceptedSeq: 0 };
  const report = (generation: number) =>
    core.applier.apply(
      recordReport({
        from: NODE,
        sessionId: CHANGED,
        generation,
        phase: 'running',
        order: { incarnation: 1, boot: 1, number: 2 },
        ...seen,
      }),
    );
  t.equal(await report(1), 'old', 'a generation that the backup knows');
  t.equal(sessionOf(core, CHANGED).desired, 'suspended');
  t.equal(await report(3), 'caught-up');
  t.equal(sessionOf(core, CHANGED).desired, 'running');
  t.equal(await report(3), 'old', 'it says nothing new');
});

t.test('what somebody asked for since the restore counts more than what was before', async (t) => {
  const { core, connect } = await restored(t);
  await core.applier.submit(changeDesired(LIVES, 'suspend', 0));
  const fake = connect(NODE, hello({ epoch: 1 }), holding([reportOf(LIVES, { generation: 7 })]));
  const set = await fake.until(() => fake.of('assignmentSet')[0]);
  t.equal(set.assignments.find(({ sessionId }) => sessionId === LIVES)?.desired, 'DESIRED_SUSPENDED');
});

t.test('messages: new ones are numbered above what guests hold; old ones are asked for one by one', async (t) => {
  const { core, connect, waiting } = await restored(t);
  const [one, two] = waiting;
  const late = newMessage(LIVES, 'after the restore');
  const posted = await core.applier.submit(postMessage(late));
  t.ok(posted.ok && posted.value.seq > EPOCH);
  t.ok((core.store.view.get('spaces', SPACE)?.secretsVersion ?? 0) >= EPOCH, 'secrets that guests hold are old to them');
  const fake = connect(NODE, hello({ epoch: 1 }), holding([reportOf(LIVES, { generation: 1, acceptedSeq: 40 })]));
  const set = await fake.until(() => fake.of('assignmentSet')[0]);
  const generation = set.assignments.find(({ sessionId }) => sessionId === LIVES)?.generation ?? 0;
  fake.say({ kind: 'report', value: reportOf(LIVES, { generation, acceptedSeq: 40 }) });
  await fake.until(() => fake.of('deliver')[5]);
  t.same(
    fake
      .of('deliver')
      .slice(-3)
      .map(({ content }) => content),
    ['one', 'two', 'after the restore'],
    'the watermark tells nothing of another life',
  );
  const accepted = (messageId = '', seq = 0, isSettled = false): NodeFrame => ({
    kind: 'accepted',
    value: { sessionId: LIVES, generation, messageId, seq, settled: isSettled },
  });
  fake.say(accepted(one?.id, 1, true));
  fake.say(accepted(two?.id, 2));
  await settled(core);
  t.match(core.store.view.answerTo(one?.id ?? late.id), { metadata: { type: 'error_response', reason: 'answer_lost' } });
  t.equal(core.store.view.answerTo(two?.id ?? late.id), undefined, 'its guest is at it');
  t.equal(sessionOf(core, LIVES).outstanding, 1);
  fake.say(accepted(one?.id, 1, true));
  await settled(core);
  t.equal(sessionOf(core, LIVES).outstanding, 1, 'said twice, answered once');
});

t.test('what a guest said of a message before the restore leaves it to be sent again', async (t) => {
  const { core, connect, waiting } = await restored(t);
  const [one, two] = waiting;
  const fake = connect(NODE, hello({ epoch: 1 }), holding([reportOf(LIVES, { generation: 1 })]));
  const set = await fake.until(() => fake.of('assignmentSet')[0]);
  const late = { sessionId: LIVES, generation: 1, seq: 1 };
  fake.say({ kind: 'accepted', value: { ...late, messageId: one?.id ?? '', settled: false } });
  fake.say({ kind: 'runStarted', value: { ...late, messageId: two?.id ?? '', runId: 'run-before', agent: 'echo', hop: null } });
  await settled(core);
  t.equal(sessionOf(core, LIVES).outstanding, 0);
  t.equal(core.store.view.get('queue', one?.id as MessageId)?.acceptedAt, null);
  t.equal(core.store.view.get('queue', two?.id as MessageId)?.acceptedAt, null);
  const generation = set.assignments.find(({ sessionId }) => sessionId === LIVES)?.generation ?? 0;
  fake.say({ kind: 'report', value: reportOf(LIVES, { generation, acceptedSeq: 2 }) });
  await fake.until(() => fake.of('deliver').filter(({ content }) => content === 'two')[0]);
});

t.test('an answer to a later message tells that those to the ones before it were lost, in their order', async (t) => {
  const { core, connect, waiting } = await restored(t);
  const [one, two] = waiting;
  const fake = connect(NODE, hello({ epoch: 1 }), holding([reportOf(LIVES, { generation: 1 })]));
  const set = await fake.until(() => fake.of('assignmentSet')[0]);
  const generation = set.assignments.find(({ sessionId }) => sessionId === LIVES)?.generation ?? 0;
  const given = {
    sessionId: LIVES,
    generation,
    messageId: two?.id ?? '',
    runId: '',
    agent: 'echo',
    content: 'two',
    reason: '',
    durationMs: 1,
    hops: [],
    model: '',
  };
  fake.say({ kind: 'answer', value: { ...given, outcome: 'REPLY' } });
  await settled(core);
  const answers = [one, two].map((message) => core.store.view.answerTo(message?.id ?? ('' as MessageId)));
  t.match(answers, [{ metadata: { reason: 'answer_lost' } }, { content: 'two', metadata: { type: 'agent_response' } }]);
  t.ok((answers[0]?.seq ?? 0) < (answers[1]?.seq ?? 0));
});

t.test('nodes that joined after the backup come back, with a name; strangers do not', async (t) => {
  const { core, connect } = await restored(t);
  const LATER = '99999999-0000-4000-8000-000000000000' as NodeId;
  t.match(connect(LATER, hello({ epoch: 0 })).fault?.message, /no such node/);
  const late = connect(LATER, hello({ epoch: 1, incarnation: 4, hostname: NODE }));
  await late.until(() => late.of('assignmentSet')[0]);
  t.match(core.store.view.get('nodes', LATER), { name: `${NODE}-99999999`, incarnation: 4 });
  const again = connect(NODE, hello({ epoch: 1, incarnation: 2 }));
  await again.until(() => again.of('assignmentSet')[0]);
  t.equal(core.store.view.get('nodes', NODE)?.incarnation, 2);
  t.match(connect(NODE, hello({ epoch: 1, incarnation: 1 })).fault?.message, /joined again/, 'its older identity is over');
});

t.test('a guest that holds more than was ever numbered lifts the numbers, and is believed of none of them', async (t) => {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: LIVES }));
  const message = newMessage(LIVES, 'hi');
  await core.applier.submit(postMessage(message));
  const seen = { containerId: 'c', volume: 'v', reason: '', acceptedSeq: 70 };
  await core.applier.apply(
    recordReport({ from: NODE, sessionId: LIVES, generation: 1, phase: 'running', order: { incarnation: 1, boot: 1, number: 1 }, ...seen }),
  );
  t.match(sessionOf(core, LIVES), { lastSeq: 70, outstanding: 0 });
  t.equal(core.store.view.get('queue', message.id)?.acceptedAt, null);
});

t.test('rows after a restore have the time of now, even if its epoch is ahead of that', async (t) => {
  const { directory, file } = await backedUp(t);
  await rm(directory, { recursive: true });
  const DAY = 24 * 3_600_000;
  await restore(file, directory, { force: false, nowMs: Date.now() + DAY });
  const core = await openCore({ nodes: [node(NODE)], directory });
  t.teardown(core.close);
  await core.applier.submit(newSession({ id: 'new' as SessionId }));
  t.ok(core.session('new').createdAt < Date.now() + DAY / 2);
});

t.test('no backup is begun that would fill its disk', async (t) => {
  const { parent, directory } = await backedUp(t);
  const free = (freeBytes: number) => async () => ({ freeBytes, totalBytes: 2 ** 40 });
  const file = join(parent, 'second');
  const mark = 256 * 2 ** 20;
  await t.rejects(backUp(directory, file, '0', free(mark)), {
    message: /not enough disk space for .*second: the backup needs 2\d\d MiB, and 256 MiB are free\. Choose a file on another disk/,
  });
  t.same(
    (await readdir(parent)).filter((name) => name.includes('second')),
    [],
  );
  t.ok(await backUp(directory, file, '0', free(2 * mark)));
});

t.test('the file: all that is kept, for its owner alone, and nothing that was half written', async (t) => {
  const { file, made, parent } = await backedUp(t);
  t.match(made, { sessions: 4, epoch: 1 });
  t.equal((await stat(file)).mode & 0o777, 0o600);
  const directory = join(parent, 'new', 'controller');
  await mkdir(join(parent, 'new'));
  await restore(file, directory, { force: false, nowMs: NOW });
  const names = (await readdir(directory, { recursive: true }))
    .filter((name) => name.includes('.') || name === 'epoch' || name === 'cluster-id')
    .sort();
  t.same(names, ['cluster-id', 'epoch', 'keys/ca/ca.key', 'keys/store.key', 'raworc.db', 'sources/ab.tar.gz']);
  t.equal(await readFile(join(directory, 'keys/store.key'), 'utf8'), 'secret\n');
  t.equal((await readFile(join(directory, 'epoch'), 'utf8')).trim(), String(EPOCH));
  t.same((await readdir(parent)).sort(), ['backup.tar', 'controller', 'new'], 'no drafts are left');
});

t.test('a restore goes where nothing is, aside from what was there when it must, and never below a running controller', async (t) => {
  const { file, directory } = await backedUp(t);
  await t.rejects(restore(file, directory, { force: false, nowMs: NOW }), /not empty/);
  const core = await openCore({ nodes: [], directory });
  await t.rejects(restore(file, directory, { force: true, nowMs: NOW }), /a controller is running/);
  core.close();
  const first = await restore(file, directory, { force: true, nowMs: NOW });
  const second = await restore(file, directory, { force: true, nowMs: NOW });
  t.equal(first.epoch, EPOCH);
  t.equal(second.epoch, EPOCH + 1, 'two restores of one backup are two lives');
  t.ok((await stat(second.aside ?? '')).isDirectory());
});

t.test('a file that is damaged, or no backup, restores nothing', async (t) => {
  const { file, parent } = await backedUp(t);
  const whole = await readFile(file);
  const directory = join(parent, 'other');
  const at = whole.indexOf('secret');
  const damages: [string, Uint8Array][] = [
    ['a changed byte', Buffer.concat([whole.subarray(0, at), Buffer.from('S'), whole.subarray(at + 1)])],
    ['cut off', whole.subarray(0, whole.length / 2)],
    ['something else', Buffer.from('no tar at all'.repeat(100))],
    ['empty', Buffer.alloc(0)],
  ];
  for (const [what, bytes] of damages) {
    await writeFile(file, bytes);
    await chmod(file, 0o600);
    await t.rejects(restore(file, directory, { force: false, nowMs: NOW }), what);
    t.notOk(
      (await readdir(parent)).some((name) => name.startsWith('other')),
      what,
    );
  }
});

t.test('whatever one life counts in a second is below what the next begins with', async (t) => {
  const { file, directory } = await backedUp(t);
  const begun = async (nowMs: number) => {
    await rm(directory, { recursive: true, force: true });
    await restore(file, directory, { force: false, nowMs });
    const core = await openCore({ nodes: [node(NODE)], directory });
    const { generation, lastSeq } = sessionOf(core, LIVES);
    const secrets = core.store.view.get('spaces', SPACE)?.secretsVersion ?? 0;
    const account = core.store.view.get('accounts', ACCOUNT)?.version ?? 0;
    core.close();
    return { generation, lastSeq, secrets, account };
  };
  const [one, next] = [await begun(NOW), await begun(NOW + 1000)];
  for (const counted of ['generation', 'lastSeq', 'secrets', 'account'] as const)
    t.equal(next[counted] - one[counted], 1000, `${counted}: a thousand times`);
});

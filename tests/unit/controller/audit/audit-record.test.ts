import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { Attribution } from '../../../../controller/domain/audit/audit.ts';
import { recordAudit } from '../../../../controller/domain/audit/record-audit.ts';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { PRUNED_AT_ONCE } from '../../../../controller/domain/engine/prune.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { AuditRefusals, REFUSAL_BOUNDS } from '../../../../controller/services/audit/audit-refusals.ts';
import { AUDIT_RETENTION, auditRetentionLoop } from '../../../../controller/services/audit/audit-retention-loop.ts';
import { beginEpoch } from '../../../../controller/store/sqlite/backup.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { HandClock } from '../../hand-clock.ts';
import { type Core, newMessage, newSession, openCore, silent, withAgents } from '../core.ts';
import { loopsOf } from '../loops.ts';

const S = 'session-1' as SessionId;
const DAY = 86_400_000;
const caller = { accountId: 'account-1', user: 'ann' };

const attribution = (more: Partial<Attribution> = {}): Attribution => ({
  actor: { type: 'ServiceAccount', id: 'account-1', name: 'ann' },
  ...{ credential: 'token:1', address: '192.0.2.1', requestId: 'r', action: 'createSession' },
  thing: { kind: 'sessions', ref: null, space: 'default' },
  ...more,
});

async function rig(t: Test) {
  const core = await openCore();
  const { lists, close } = listsOn(core.store.path);
  t.teardown(() => {
    close();
    core.close();
  });
  await withAgents(core, ['echo']);
  const all = async () => (await lists.audit({}, { limit: 1000, offset: 0, order: 'asc' })).items;
  return { core, lists, all };
}

t.test('a change and its record are one commit: neither is there without the other', async (t) => {
  const { core, all } = await rig(t);
  const commits: string[][] = [];
  core.applier.onCommitted(({ mutations }) => commits.push(mutations.map((one) => (one.kind === 'put' ? one.table : one.kind))));
  t.match(await core.applier.submit(newSession({ id: S }), { ...caller, attribution: attribution() }), { ok: true });
  t.match(commits.at(-1), ['sessions', 'audit'], 'in the same transaction');
  const [record] = await all();
  t.match(record, {
    actor: 'ann',
    actorId: 'account-1',
    credential: 'token:1',
    action: 'createSession',
    resource: 'sessions',
    resourceId: S,
  });
  t.match(record, { space: 'default', address: '192.0.2.1', requestId: 'r', outcome: 'ok', count: 1 });
});

t.test('what changes nothing, is refused, or fails has no record; a record that cannot be kept takes its change with it', async (t) => {
  const { core, all } = await rig(t);
  await core.applier.submit(newSession({ id: S }));
  t.same(await all(), [], 'nobody’s commands have none');
  t.match(await core.applier.submit(changeDesired(S, 'resume', 0), caller), { ok: true });
  t.match(await core.applier.submit(changeDesired('none' as SessionId, 'pause', 0), caller), { ok: false });
  t.same(await all(), [], 'unchanged and refused');
  const row = core.session(S);
  const broken = {
    name: 'broken',
    decide: () => ({ mutations: [put('sessions', { ...row, name: 'x' })], events: [], result: { ok: true, value: 1 } }),
  } as const;
  const unkept = attribution({ thing: { kind: Symbol() as never, ref: null, space: null } });
  await t.rejects(core.applier.submit(broken as never, { ...caller, attribution: unkept }));
  t.equal(core.session(S).name, row.name, 'a change without a record is not kept');
  t.match(await core.applier.submit(broken as never, caller), { ok: true }, 'and with one it is');
  t.match(await all(), [{ action: 'broken', actor: 'ann' }]);
});

t.test('a repeated request by its key has one record', async (t) => {
  const { core, all } = await rig(t);
  await core.applier.submit(newSession({ id: S }));
  const once = newMessage(S, 'once', { request: { id: 'key', bodyHash: 'a' } });
  const [first, again] = [await core.applier.submit(postMessage(once), caller), await core.applier.submit(postMessage(once), caller)];
  t.match([first, again], [{ ok: true }, { ok: true }]);
  t.equal((await all()).length, 1);
});

/** Puts records of that age into the store, below the applier. */
function aged(core: Core, count: number, ageMs: number, action: string, outcome = 'ok', actorType = 'ServiceAccount'): void {
  const database = new Database(core.store.path);
  const now = Date.now();
  const least = database.prepare<[], { number: number }>('select coalesce(min(number), 1000000) as number from audit').get()?.number ?? 0;
  const insert = database.prepare(
    `insert into audit (number, at, actor_type, action, resource, outcome, count) values (?, ?, ?, ?, 'sessions', ?, 1)`,
  );
  database.transaction(() => {
    for (let at = 1; at <= count; at += 1) insert.run(least - at, now - ageMs - at, actorType, action, outcome);
  })();
  database.close();
}

t.test('records go by age and by rows, messages and refusals by bounds of their own, in parts that others come between', async (t) => {
  const { core, lists, all } = await rig(t);
  let exported: number | undefined;
  const errors: string[] = [];
  const retention = auditRetentionLoop({
    ...{ loops: loopsOf(t), applier: core.applier, lists, clock: systemClock, metrics: silentMetrics },
    log: { ...silent, error: (event) => void errors.push(event) },
    kept: { ...AUDIT_RETENTION, rows: 100, messageRows: 40, refusedRows: 10 },
    exported: () => exported,
  });
  aged(core, 20, 10 * DAY, 'createSession');
  aged(core, 20, 10 * DAY, 'createSession', 'FORBIDDEN');
  aged(core, 20, 10 * DAY, 'createMessage');
  aged(core, 30, 40 * DAY, 'createMessage');
  aged(core, 20, 50 * DAY, 'deleteRole');
  aged(core, 3 * PRUNED_AT_ONCE, 400 * DAY, 'createSpace');
  await core.applier.apply(recordAudit(attribution(), 'ok', 1));
  let parts = 0;
  core.applier.onCommitted(({ mutations }) => {
    if (mutations.some(({ kind }) => kind === 'prune-audit')) parts += 1;
  });
  exported = 1;
  await retention.settled('all');
  const counted = async () =>
    Object.fromEntries(
      Object.entries(Object.groupBy(await all(), ({ action, outcome }) => `${action} ${outcome}`)).map(([key, some]) => [
        key,
        some?.length,
      ]),
    );
  t.match(
    await counted(),
    { 'createSession ok': 21, 'createMessage ok': 40, 'deleteRole ok': 20, 'createSession FORBIDDEN': 10 },
    'what is not exported outlives its age',
  );
  t.same((await all()).length, 100, 'but not its bound in rows');
  t.same([...new Set(errors)], ['audit.not_exported']);
  t.ok(parts > 3, `${parts} commits`);
  exported = undefined;
  await retention.settled('all');
  t.same(await counted(), { 'createSession ok': 21, 'createMessage ok': 20, 'deleteRole ok': 20, 'createSession FORBIDDEN': 10 });
});

t.test('strangers do not push out of the record what accounts were refused', async (t) => {
  const { core, lists, all } = await rig(t);
  const retention = auditRetentionLoop({
    ...{ loops: loopsOf(t), applier: core.applier, lists, clock: systemClock, log: silent, metrics: silentMetrics },
    kept: { ...AUDIT_RETENTION, refusedRows: 20 },
    exported: () => undefined,
  });
  aged(core, 500, DAY, 'login', 'UNAUTHORIZED', 'Anonymous');
  aged(core, 30, DAY, 'getSecret', 'FORBIDDEN');
  await retention.settled('all');
  const kept = Object.groupBy(await all(), ({ actorType }) => actorType);
  t.equal(kept.Anonymous?.length, 10, 'the newest of strangers have half of the bound');
  t.equal(kept.ServiceAccount?.length, 10);
});

t.test('strangers without end fill no store: what is beyond a bound is counted, and nothing of it is lost', async (t) => {
  const clock = new HandClock();
  const written: { address: string | null; action: string; count: number }[] = [];
  const refusals = new AuditRefusals({
    ...{ clock, metrics: silentMetrics },
    write: ({ address, action }, _code, count) => written.push({ address, action, count }),
  });
  const stranger = (address: string) =>
    attribution({ actor: { type: 'Anonymous', id: null, name: null }, credential: null, address, action: 'login' });
  for (let at = 0; at < 1000; at += 1) refusals.add(stranger('192.0.2.1'), 'UNAUTHORIZED');
  t.equal(written.length, REFUSAL_BOUNDS.ofOneCaller, 'the first few of a caller one by one');
  for (let at = 0; at < 5000; at += 1) refusals.add(stranger(`2001:db8::${at.toString(16)}`), 'UNAUTHORIZED');
  t.equal(
    written.length,
    REFUSAL_BOUNDS.strangers.ofAll > 200 ? REFUSAL_BOUNDS.ofOneCaller + REFUSAL_BOUNDS.strangers.kinds - 1 : REFUSAL_BOUNDS.strangers.ofAll,
  );
  await clock.advance(60_000);
  t.ok(
    written.length <= REFUSAL_BOUNDS.strangers.ofAll + REFUSAL_BOUNDS.strangers.kinds + 1,
    `${written.length} records for 6,000 refusals`,
  );
  t.equal(
    written.reduce((sum, { count }) => sum + count, 0),
    6000,
    'each is counted',
  );
  t.match(
    written.find(({ address, count }) => address === '192.0.2.1' && count > 1),
    { count: 1000 - REFUSAL_BOUNDS.ofOneCaller },
  );
  refusals.add(stranger('192.0.2.1'), 'UNAUTHORIZED');
  t.match(written.at(-1), { address: '192.0.2.1', count: 1 }, 'another minute begins');
});

t.test('what an account tries is recorded in its name, whatever strangers and it itself try besides', async (t) => {
  const clock = new HandClock();
  const written: { actor: string | null; action: string; count: number }[] = [];
  const refusals = new AuditRefusals({
    ...{ clock, metrics: silentMetrics },
    write: ({ actor, action }, _code, count) => written.push({ actor: actor.name, action, count }),
  });
  const nobody = { actor: { type: 'Anonymous', id: null, name: null }, credential: null } as const;
  for (let at = 0; at < 100; at += 1)
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5', '192.0.2.6', '192.0.2.7', '192.0.2.8'])
      refusals.add(attribution({ ...nobody, address, action: `operation ${at}` }), 'UNAUTHORIZED');
  const account = (name: string, action: string) => attribution({ actor: { type: 'ServiceAccount', id: name, name }, action });
  for (let at = 0; at < 300; at += 1) refusals.add(account('mallory', `operation ${at}`), 'NOT_FOUND');
  for (let at = 0; at < 7; at += 1) refusals.add(account('eve', 'getSecret'), 'FORBIDDEN');
  await clock.advance(60_000);
  const of = (name: string | null) => written.filter(({ actor }) => actor === name);
  t.same(
    of('eve').map(({ count }) => count),
    [...Array(REFUSAL_BOUNDS.ofOneCaller).fill(1), 2],
    'neither hides the other',
  );
  t.same(of('mallory').at(-1), { actor: 'mallory', action: 'various', count: 300 - REFUSAL_BOUNDS.kindsOfOneCaller });
  t.equal(
    of('mallory').reduce((sum, { count }) => sum + count, 0),
    300,
  );
  t.equal(
    of(null).reduce((sum, { count }) => sum + count, 0),
    800,
  );
  t.ok(of(null).length <= REFUSAL_BOUNDS.strangers.ofAll + REFUSAL_BOUNDS.strangers.kinds + 1, 'and strangers have their bound');
});

t.test('a restore is recorded in the restored store, by whoever was at the machine', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-audit-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const core = await openCore({ directory });
  await core.applier.apply(recordAudit(attribution(), 'ok', 1));
  core.close();
  const path = join(directory, 'raworc.db');
  await beginEpoch(path, Math.floor(Date.now() / 1000) + 10);
  const { lists, close } = listsOn(path);
  t.teardown(close);
  const { items } = await lists.audit({}, { limit: 10, offset: 0 });
  t.match(items, [{ action: 'restore', actorType: 'Operator', credential: 'machine' }, { action: 'createSession' }]);
  t.ok((items[0]?.at ?? 0) > (items[1]?.at ?? 0), 'its time does not go back');
});

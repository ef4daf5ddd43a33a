import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import t, { type Test } from 'tap';
import { MAX_OPEN_NODE_TOKENS } from '../../../../controller/contract/nodes.ts';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { createNodeToken, type NewToken, revokeNodeToken } from '../../../../controller/domain/nodes/commands/join-tokens.ts';
import { joinNode } from '../../../../controller/domain/nodes/commands/nodes.ts';
import { removeNode } from '../../../../controller/domain/nodes/commands/remove-node.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { joinTokens } from '../../../../controller/store/sqlite/migrations/join-tokens.ts';
import { HandClock } from '../../hand-clock.ts';
import { batching, openCore } from '../core.ts';

async function withToken(t: Test, more: Partial<NewToken> = {}) {
  const clock = new HandClock();
  const core = await openCore({ clock: batching(clock) });
  t.teardown(() => core.close());
  const create = (id: string, other: Partial<NewToken> = {}) =>
    core.applier.submit(createNodeToken({ id, secretHash: 's', ttlMs: 60_000, uses: 1, labels: {}, user: 'admin', ...other }));
  await create('token', more);
  /** A machine with this key and name asks to join. */
  const joins = (key: string, labels: Readonly<Record<string, string>> = {}, tokenId = 'token') =>
    core.applier.submit(
      joinNode({ id: `id-${key}` as NodeId, name: key, tokenId, secretHash: 's', keyHash: key, labels, isConnected: () => false }),
    );
  const token = (id = 'token') => core.store.view.get('nodeTokens', id);
  const open = () => core.store.view.openNodeTokens(clock.now()).map(({ id }) => id);
  return { core, clock, create, joins, token, open };
}

const refusedWith = (message: RegExp) => ({ ok: false, refusal: { code: 'UNAUTHORIZED', message } });

t.test('as many machines join as a token has uses, also when all ask at once', async (t) => {
  const { joins, token, open } = await withToken(t, { uses: 3 });
  const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => joins(key)));
  t.equal(answers.filter(({ ok }) => ok).length, 3);
  for (const answer of answers.filter(({ ok }) => !ok))
    t.match(answer, refusedWith(/All 3 uses of this join token are taken. Create a new one with `raworc node token`/));
  t.match(token(), { used: 3, usedAt: Number });
  t.same(open(), []);
});

t.test('a machine that repeats its request with the same key gets the same node and takes no second use', async (t) => {
  const { joins, token } = await withToken(t, { uses: 2 });
  const [first, second] = await Promise.all([joins('a'), joins('a')]);
  t.match(first, { ok: true, value: { id: 'id-a', incarnation: 1 } });
  t.same(second, first);
  t.equal(token()?.used, 1);
  t.match(await joins('b'), { ok: true });
  t.same(await joins('a'), first, 'also when the token is used up');
  t.match(await joins('c'), refusedWith(/All 2 uses/));
});

t.test('a token that was revoked or has expired admits nobody, and nodes that joined with it stay', async (t) => {
  const { core, clock, create, joins, open } = await withToken(t, { uses: 5 });
  t.match(await joins('a'), { ok: true });
  t.match(await core.applier.submit(revokeNodeToken('token')), { ok: true });
  for (const key of ['a', 'b']) t.match(await joins(key), refusedWith(/was revoked/), key);
  t.match(await core.applier.submit(revokeNodeToken('token')), { ok: false, refusal: { code: 'NOT_FOUND' } }, 'once');
  t.match(await core.applier.submit(revokeNodeToken('another')), { ok: false, refusal: { code: 'NOT_FOUND' } });
  t.equal(core.store.view.get('nodes', 'id-a')?.revokedAt, null);

  await create('short', { ttlMs: 1_000, uses: 2 });
  t.match(await joins('b', {}, 'short'), { ok: true });
  t.same(open(), ['short']);
  // Rows are stamped a little later than the clock, which stands still.
  await clock.advance(2_000);
  for (const key of ['b', 'c']) t.match(await joins(key, {}, 'short'), refusedWith(/has expired/), key);
  t.same(open(), []);
});

t.test('a removed node cannot come back with the token that it used', async (t) => {
  const { core, joins } = await withToken(t);
  await joins('a');
  await core.applier.submit(removeNode('id-a' as NodeId, true, 'admin'));
  t.match(await joins('a'), refusedWith(/already used/));
});

t.test('labels of a token replace those of the same name that a host asks for, and count towards the bound', async (t) => {
  const { joins, token } = await withToken(t, { uses: 9, labels: { zone: 'a', owner: 'ops' } });
  t.match(await joins('a', { zone: 'forged', disk: 'nvme' }), { value: { labels: { zone: 'a', owner: 'ops', disk: 'nvme' } } });
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`l${at}`, 'x']));
  t.match(await joins('b', many(63)), { ok: false, refusal: { code: 'CONFLICT', message: /at most 64 labels/ } });
  t.equal(token()?.used, 1, 'a refused request takes no use');
  t.match(await joins('b', many(62)), { ok: true });
});

t.test('only so many tokens are valid at once', async (t) => {
  const { core, clock, create, open } = await withToken(t);
  for (let made = 1; made < MAX_OPEN_NODE_TOKENS; made += 100)
    await Promise.all(Array.from({ length: Math.min(100, MAX_OPEN_NODE_TOKENS - made) }, (_, at) => create(`t${made + at}`)));
  t.equal(open().length, MAX_OPEN_NODE_TOKENS);
  t.match(await create('late'), { ok: false, refusal: { code: 'CONFLICT', message: /1000 join tokens are still valid/ } });
  await core.applier.submit(revokeNodeToken('t7'));
  t.match(await create('late'), { ok: true });
  t.match(await create('later'), { ok: false });
  await clock.advance(70_000);
  t.match(await create('later'), { ok: true }, 'expired tokens do not count');
});

t.test('a store of an earlier version: used tokens stay used, and their nodes can repeat the request', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-join-tokens-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  (await openBareStore(path, 1)).close();
  const database = new Database(path);
  database.exec(`
    drop index node_tokens_open; drop table node_tokens; alter table nodes drop column join_token;
    create table node_tokens (
      id text not null primary key, secret_hash text not null, expires_at integer not null, used_at integer, used_by text,
      used_key text, created_by text not null, created_at integer not null) strict, without rowid;
    insert into node_tokens values ('old', 's', 9, 2, 'n', 'k', 'admin', 1), ('open', 's', 9, null, null, null, 'admin', 1),
      ('stolen', 's', 9, 3, 'n', 'other', 'admin', 1);
    insert into nodes (id, name, incarnation, joined_at, key_hash, driver, version, cpu_millis, memory_bytes, max_sessions, labels)
      values ('n', 'n', 1, 1, 'k', '', '', 1, 1, 0, '{}')`);
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
  await joinTokens.up(db);
  await db.destroy();
  const store = await openBareStore(path, 1);
  t.teardown(() => store.close());
  t.match(store.view.get('nodeTokens', 'old'), { used: 1, uses: 1, labels: {}, revokedAt: null });
  t.match(store.view.get('nodeTokens', 'open'), { used: 0, usedAt: null });
  t.equal(store.view.get('nodes', 'n')?.joinToken, 'old');
});

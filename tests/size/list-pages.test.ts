import t, { type Test } from 'tap';
import { MAX_PAGE_BYTES } from '../../controller/contract/pages.ts';
import type { AccountId, MessageId, SpaceId } from '../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../controller/domain/engine/mutation.ts';
import { sqlLists } from '../../controller/store/sqlite/lists/sql-lists.ts';
import { Reader } from '../../controller/store/sqlite/reader/reader.ts';
import { Raworc } from '../../sdk/raworc.ts';
import { systemClock } from '../../seams/system.ts';
import { populate } from '../unit/controller/access/rbac-rows.ts';
import { openRbacWorld } from '../unit/controller/access/rbac-world.ts';
import { seeded, silent } from '../unit/controller/core.ts';
import { sessionRow, uuid } from '../unit/controller/engine/session-rows.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

t.setTimeout(TIME_LIMIT_MS);

const MIB = 1024 * 1024;
const population = populate(seeded(1), 2);
const [ADMIN, SESSION] = [there(population.subjects[1]), there(population.sessions[0])];

function there<T>(one: T | undefined): T {
  if (one === undefined) throw new Error('nobody there');
  return one;
}
const times = { createdAt: 1, updatedAt: 1 };

/** More than the heap of the reading thread. */
const DEADLY = {
  sql: `with recursive n(x) as (select 1 union all select x + 1 from n limit 200) select printf('%.1000000c', 'x') from n`,
  parameters: [],
};

/** The API over these rows, with a reading thread of its own. */
async function open(t: Test, rows: readonly Mutation[]) {
  let reader: Reader | undefined;
  const world = await openRbacWorld([...population.rows, ...rows], (path) => {
    const opened = new Reader({ path, clock: systemClock, log: silent, heapMib: 64 });
    reader = opened;
    return { lists: sqlLists(opened), close: () => void opened.close() };
  });
  t.teardown(() => world.close());
  if (reader === undefined) throw new Error('no reader');
  const token = (id: AccountId, user: string) => world.token({ accountId: id, user, version: 1 });
  return { world, reader, session: SESSION.id, admin: token(ADMIN.id, ADMIN.user), token };
}

const get = (url: string, bearer: string, path: string) =>
  fetch(`${url}/api/v0${path}`, { headers: { authorization: `Bearer ${bearer}` } });

t.test('a page of large messages ends early and says so, and a client walks over all of them while the reading thread dies', async (t) => {
  const count = scaled({ short: 30, long: 300 });
  const messages = Array.from({ length: count }, (_, at) =>
    put('messages', {
      ...{
        id: uuid(at + 1) as MessageId,
        sessionId: SESSION.id,
        seq: at + 1,
        role: 'user',
      },
      // Of any size up to a mebibyte, some of which take six times as much as JSON.
      content: (at % 7 === 3 ? '\u0001' : 'x').repeat(at % 5 === 0 ? 10 : MIB),
      ...{ metadata: {}, agent: null, refusal: null, inReplyTo: null, acceptedAt: 1, answeredAt: 1, createdBy: 'admin', createdAt: at },
    }),
  );
  const { world, reader, session, admin } = await open(t, messages);

  let offset = 0;
  let pages = 0;
  while (offset < count) {
    const answer = await get(world.url, admin, `/sessions/${session}/messages?limit=1000&offset=${offset}`);
    const text = await answer.text();
    const items: unknown[] = JSON.parse(text);
    const header = (name: string) => Number(answer.headers.get(name));
    t.ok(items.length === 2 || Buffer.byteLength(text) <= MAX_PAGE_BYTES, `${Buffer.byteLength(text)} bytes`);
    t.same([header('x-total-count'), header('x-page-offset')], [count, offset]);
    if (offset + items.length < count) t.equal(header('x-page-limit'), items.length, 'a page that ended early');
    offset = header('x-page-offset') + header('x-page-limit');
    pages += 1;
  }
  t.ok(pages > count / 10, `${pages} pages`);

  const raworc = new Raworc({ url: world.url, token: admin });
  const walked: number[] = [];
  let deaths = 0;
  for await (const { seq, content } of raworc.messages.all(session)) {
    walked.push(seq);
    if (content.length !== (seq % 5 === 1 ? 10 : MIB)) t.fail(`message ${seq} has ${content.length} characters`);
    if (seq % Math.ceil(count / 3) !== 0) continue;
    deaths += 1;
    await t.rejects(reader.read([DEADLY]), { message: /restarts/ });
  }
  t.same(
    walked,
    Array.from({ length: count }, (_, at) => at + 1),
    'each once, in order',
  );
  t.ok(deaths >= 2, `${deaths} ends of the thread`);
});

t.test('a caller bound in 2,000 spaces is answered by every list, as one who is bound everywhere', async (t) => {
  const id = '00000000-0000-4000-9000-000000000002' as AccountId;
  const spaces = Array.from({ length: 2000 }, (_, at) => ({ id: uuid(100_000 + at) as SpaceId, name: `of-many-${at}` }));
  const PER_SPACE = scaled({ short: 5, long: 50 });
  const rows = [
    put('accounts', { id, user: 'many', passwordHash: 'x', description: null, active: true, version: 1, lastLoginAt: null, ...times }),
    ...spaces.flatMap(({ id: spaceId, name }, at) => [
      put('spaces', { id: spaceId, name, description: null, settings: {}, secretsVersion: 0, active: true, ...times, createdBy: 'admin' }),
      put('bindings', {
        ...{ id: `many in ${name}`, roleId: ADMIN.bindings[0]?.role.id ?? '', principal: 'many', principalType: 'ServiceAccount' },
        ...{ accountId: id, spaceId, ...times },
      }),
      ...Array.from({ length: PER_SPACE }, (_, more) =>
        put(
          'sessions',
          sessionRow(1_000_000 + at * PER_SPACE + more, { spaceId, name: more === 0 ? name : null, metadata: { at: at % 100 } }),
        ),
      ),
    ]),
  ];
  const { world, admin, token } = await open(t, rows);
  const many = token(id, 'many');
  const visible = spaces.length * PER_SPACE;
  const total = async (bearer: string, path: string) => {
    const answer = await get(world.url, bearer, path);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
    return Number(answer.headers.get('x-total-count'));
  };
  t.equal(await total(many, '/sessions'), visible);
  t.equal(await total(many, '/sessions?limit=1000&offset=1500&order=asc'), visible);
  t.equal(await total(many, '/sessions?state=idle'), visible);
  t.equal(await total(many, '/sessions?state=busy'), 0);
  t.equal(await total(many, '/sessions?space=of-many-7'), PER_SPACE);
  t.equal(await total(many, '/sessions?name=of-many-7'), 1);
  t.equal(await total(many, '/sessions?metadata.at=7'), visible / 100);
  t.equal(await total(many, '/spaces'), spaces.length);
  const me = await (await get(world.url, many, '/auth/me')).json();
  t.match(me, { roles: ['admin'], role_bindings: { length: 1000 } });
  const events = await get(world.url, many, '/events');
  t.equal(events.status, 200);
  await events.body?.cancel();
  t.equal(await total(admin, '/sessions?metadata.at=7'), visible / 100);
});

t.test('a filter by metadata that finds few takes a small part of what reading each row takes', async (t) => {
  const count = scaled({ short: 20_000, long: 100_000 });
  const rows = Array.from({ length: count }, (_, at) =>
    put('sessions', sessionRow(1_000_000 + at, { metadata: { run: `run-${at % (count / 10)}`, purpose: 'test', note: 'x'.repeat(200) } })),
  );
  const { world, reader, admin } = await open(t, rows);
  const scan = { sql: `select count(*) as count from sessions where metadata ->> '$.run' = ?`, parameters: ['run-7'] };
  const median = async (work: () => Promise<unknown>) => {
    const tookMs: number[] = [];
    for (let turn = 0; turn < 9; turn += 1) {
      const start = performance.now();
      await work();
      tookMs.push(performance.now() - start);
    }
    return tookMs.sort((a, b) => a - b)[4] ?? 0;
  };
  const scanMs = await median(() => reader.read([scan]));
  for (const query of ['metadata.run=run-7', 'metadata.run=run-7&metadata.purpose=test', 'metadata.run=none']) {
    const listMs = await median(async () => {
      const answer = await get(world.url, admin, `/sessions?${query}`);
      t.equal(answer.headers.get('x-total-count'), query.endsWith('none') ? '0' : '10');
      await answer.arrayBuffer();
    });
    t.ok(listMs < scanMs / 2, `${query}: ${Math.round((100 * listMs) / scanMs)} % of a scan, with HTTP`);
  }
});

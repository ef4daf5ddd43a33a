/**
 * Performs every operation that changes something, once allowed and once refused, and finds one
 * audit record of each.
 */
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import type { AuditObject } from '../../controller/contract/audit.ts';
import { allRoutes } from '../../controller/http/routes/all-routes.ts';
import type { Rest } from '../cluster/rest.ts';
import { type Operation, readDocument } from './document.ts';
import { space as newSpace, person, role, unique } from './people.ts';
import type { Call, Row } from './rows.ts';
import { accessRows } from './rows-access.ts';
import { sessionRows } from './rows-sessions.ts';
import { spaceRows } from './rows-spaces.ts';
import { type Asked, ask, setUp } from './stage.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(200_000);

/** Statuses of operations with nothing to change, for example an orphan that does not exist, or no WebSocket. */
const UNCHANGED = new Set([400, 404, 409]);

/** What changes nothing that lasts: nobody asks later who made a terminal wider. */
const UNRECORDED = ['POST /sessions/{id}/processes/{process_id}/resize'];

/** Whether a build ended by itself before it could be cancelled, so that nothing was changed. */
const isOver = (operation: string, text: string) =>
  operation === 'DELETE /spaces/{name}/build/{build_id}' && JSON.parse(text).status !== 'cancelled';

async function recordsOf(rest: Rest, query: string): Promise<AuditObject[]> {
  const all: AuditObject[] = [];
  for (;;) {
    const { body, headers } = await rest.call('GET', `/audit?limit=1000&offset=${all.length}&order=asc${query}`);
    all.push(...(body as AuditObject[]));
    if (all.length >= Number(headers.get('x-total-count'))) return all;
  }
}

const records = async (t: Test, { rest }: Target, ids: ReadonlySet<string>) => {
  // Delayed records are committed with or before any later change.
  const { status } = await rest.call('PUT', '/spaces/default', { description: unique('settled') });
  t.equal(status, 200);
  const found = Map.groupBy(await recordsOf(rest, ''), ({ request_id: id }) => id ?? '');
  return new Map([...ids].map((id) => [id, found.get(id) ?? []]));
};

/** Makes the call change something, since a request without effect has no record. */
async function changing(t: Test, target: Target, operation: string, call: Call): Promise<Call> {
  // In a new space, since no session starts in a space before its build is done.
  if (operation === 'POST /spaces/{name}/build') return { place: { name: await newSpace(t, target) }, body: { force: true } };
  if (operation === 'DELETE /spaces/{name}/build/{build_id}') {
    const name = await newSpace(t, target);
    const { id } = (await target.rest.call('POST', `/spaces/${name}/build`, { force: true })).body as { id: string };
    return { place: { name, build_id: id } };
  }
  if (operation === 'POST /nodes/{id}/uncordon') await target.rest.call('POST', `/nodes/${call.place?.id}/cordon`);
  if (operation === 'POST /sessions/{id}/resume') await target.rest.call('POST', `/sessions/${call.place?.id}/pause`);
  return call;
}

/** The routes are only described, so their dependencies are never used. */
const nothing: never = new Proxy(() => nothing, { get: () => nothing }) as never;
const recordedAs = new Map(allRoutes(nothing).map(({ method, path, recorded }) => [`${method} ${path}`, recorded]));
const isRecorded = ({ operation }: Row) => recordedAs.get(operation) !== 'nothing';

t.test('every operation that is not a plain read declares how it is recorded', async (t) => {
  const operations = await readDocument((await openTarget(t)).url);
  t.same(
    operations.map(({ name }) => name).filter((name) => !name.startsWith('GET ') && (recordedAs.get(name) ?? 'nothing') === 'nothing'),
    UNRECORDED,
  );
});

t.test('each operation has exactly one record when it is done, and one when it is refused', async (t) => {
  const target = await openTarget(t);
  const { url, rest } = target;
  const operations = new Map((await readDocument(url)).map((operation) => [operation.name, operation]));
  const space = await newSpace(t, target);
  const everywhere = await person(t, target, ['admin', null]);
  const inside = await person(t, target, ['admin', space]);
  const nobody = await person(t, target);
  const events = await rest.watch('/events');
  const stage = await setUp(t, rest, space, inside);
  await events.until('the image of the space is built', ({ type, data }) => {
    const { build } = data as { build?: { id: string; status: string } };
    return type === 'build.state' && build?.id === stage.build && build.status === 'completed';
  });
  events.close();

  const expected = new Map<string, { readonly what: string; readonly record: Partial<AuditObject> | undefined }>();
  async function play(
    what: string,
    operation: Operation,
    token: string | undefined,
    call: Asked,
    record: (status: number, text: string) => Partial<AuditObject> | undefined,
  ) {
    const requestId = randomUUID();
    const got = await ask(url, operation, token, { ...call, requestId });
    if (got.status === 201) stage.cleanUp(operation.path, got.text);
    expected.set(requestId, { what: `${operation.name} ${what}: ${got.status}`, record: record(got.status, got.text) });
    return got.status;
  }

  // Sessions first, since operations on the space queue builds, for which new sessions wait.
  for (const row of [...accessRows(url), ...sessionRows, ...spaceRows].filter(isRecorded)) {
    const operation = operations.get(row.operation);
    if (operation === undefined) continue;
    const call = await changing(t, target, row.operation, await row.call(stage));
    const query = recordedAs.get(row.operation) === 'values' ? 'show_values=true' : call.query;
    const asked = { ...call, ...(query === undefined ? {} : { query }) };
    if (row.permission !== 'public') {
      await play('by nobody', operation, undefined, asked, () => ({ outcome: 'refused', code: 'UNAUTHORIZED', actor_type: 'Anonymous' }));
      if (row.permission !== 'self') {
        await play('without rights', operation, nobody.token, asked, (status) => ({
          ...{ outcome: 'refused', code: status === 403 ? 'FORBIDDEN' : 'NOT_FOUND', actor: nobody.user, actor_type: 'ServiceAccount' },
        }));
      }
    }
    const status = await play('done', operation, call.token ?? everywhere.token, asked, (status, text) =>
      UNCHANGED.has(status) || isOver(row.operation, text)
        ? undefined
        : { outcome: 'ok', code: null, actor_type: 'ServiceAccount', count: 1 },
    );
    t.equal(status, row.status, `${row.operation} is made`);
  }
  const found = await records(t, target, new Set(expected.keys()));
  for (const [id, { what, record }] of expected) {
    t.equal(found.get(id)?.length, record === undefined ? 0 : 1, what);
    const [one] = found.get(id) ?? [];
    if (record !== undefined) t.match(one, { ...record, address: '127.0.0.1' }, what);
    if (one?.outcome === 'ok' && one.action !== 'login') t.match(one.credential, /^(token|key):/, what);
  }
});

t.test('records without a token: a node joins, the first start, a wrong password', async (t) => {
  const target = await openTarget(t);
  if (!target.hollow) return;
  const { url, rest } = target;
  const wrong = 'a wrong password nobody has';
  for (const user of ['admin', wrong]) {
    const answer = await fetch(`${url}/api/v0/auth/login`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ user, pass: wrong }),
    });
    t.equal(answer.status, 401);
  }
  await rest.call('PUT', '/spaces/default', { description: unique('settled') });
  const [joined, ...more] = await recordsOf(rest, '&action=joinNode');
  t.same(more, []);
  t.match(joined, {
    actor_type: 'Anonymous',
    credential: /^join-token:/,
    resource: 'nodes',
    resource_name: 'hollow',
    outcome: 'ok',
    address: '127.0.0.1',
  });
  const [made] = await recordsOf(rest, '&action=createNodeToken');
  t.equal(joined?.credential, `join-token:${made?.resource_id}`, 'by the token that somebody made');
  t.match(await recordsOf(rest, '&action=firstStart'), [{ actor_type: 'Operator', credential: 'machine' }]);
  const logins = await recordsOf(rest, '&action=login');
  t.match(
    logins.filter(({ outcome }) => outcome === 'ok'),
    [{ actor: 'admin', credential: 'password', resource: 'tokens' }],
  );
  t.match(
    logins.filter(({ outcome }) => outcome === 'refused').map(({ resource_id }) => resource_id),
    ['admin', null],
    'a name that is none may be a password',
  );
  t.equal(
    made?.credential,
    `token:${logins.find(({ outcome }) => outcome === 'ok')?.resource_id}`,
    'from an act to the login that it was done by',
  );
  t.notMatch(JSON.stringify(logins), new RegExp(wrong));
});

t.test('refused reads are recorded, whether or not the object exists for the caller', async (t) => {
  const target = await openTarget(t);
  const { url, rest } = target;
  const space = await newSpace(t, target);
  const nobody = await person(t, target);
  const { id } = (await rest.call('POST', '/sessions', {})).body as { id: string };
  t.teardown(() => rest.call('DELETE', `/sessions/${id}`));
  const none = '00000000-0000-4000-8000-000000000000';
  const looks = [
    ['GET', `/api/v0/sessions/${id}`, 404, { action: 'getSession', code: 'NOT_FOUND', resource_id: id }],
    ['GET', `/api/v0/sessions?space=${space}`, 404, { action: 'listSessions', code: 'NOT_FOUND' }],
    ['GET', '/api/v0/nodes', 403, { action: 'listNodes', code: 'FORBIDDEN' }],
    ['GET', '/api/v0/audit', 403, { action: 'listAudit', code: 'FORBIDDEN' }],
    ['GET', '/metrics', 403, { action: 'getMetrics', code: 'FORBIDDEN' }],
    ['GET', `/api/v0/sessions/${none}`, 404, undefined],
    ['GET', '/api/v0/sessions?space=nowhere', 404, undefined],
  ] as const;
  const ids = looks.map(() => randomUUID());
  for (const [at, [method, path, status]] of looks.entries()) {
    const headers = { authorization: `Bearer ${nobody.token}`, 'x-request-id': ids[at] ?? '' };
    t.equal((await fetch(`${url}${path}`, { method, headers })).status, status, path);
  }
  const found = await records(t, target, new Set(ids));
  for (const [at, [, path, , record]] of looks.entries()) {
    const [one, ...more] = found.get(ids[at] ?? '') ?? [];
    t.same(more, [], path);
    if (record === undefined) t.equal(one, undefined, `${path}: there is nothing to know of`);
    else t.match(one, { ...record, actor: nobody.user, outcome: 'refused' }, path);
  }
});

const AUDITOR = ['audit list'] as const;

t.test('the record can be read for all spaces or one, with the usual filters and pages', async (t) => {
  const target = await openTarget(t);
  const { rest } = target;
  const [mine, other] = [await newSpace(t, target), await newSpace(t, target)];
  const auditor = await person(t, target, [await role(t, target, ...AUDITOR), mine]);
  const [from] = await recordsOf(rest, `&space=${mine}&action=createSpace`);
  for (const name of [mine, other]) await rest.call('PUT', `/spaces/${name}`, { description: 'changed' });
  t.match(await auditor.rest.call('GET', '/audit'), { status: 403 });
  t.match(await auditor.rest.call('GET', `/audit?space=${other}`), { status: 404 });
  const own = await recordsOf(auditor.rest, `&space=${mine}`);
  t.ok(own.length >= 2);
  t.ok(own.every(({ space }) => space === mine));
  t.match(
    own.map(({ action }) => action),
    ['createSpace', 'createRoleBinding', 'updateSpace'],
  );
  const since = encodeURIComponent(String(own.at(-1)?.created_at));
  for (const [query, actions] of [
    [`action=updateSpace&space=${mine}`, ['updateSpace']],
    [`resource=spaces/${mine}`, ['createSpace', 'updateSpace']],
    [`resource=role-bindings&space=${mine}`, ['createRoleBinding']],
    [`space=${mine}&since=${since}`, ['updateSpace']],
    [`space=${mine}&until=${encodeURIComponent(String(from?.created_at))}`, ['createSpace']],
    [`space=${mine}&actor=nobody`, []],
    [`space=${mine}&actor=admin&limit=1000`, own.map(({ action }) => action)],
  ] as const)
    t.same(
      (await recordsOf(rest, `&${query}`.replace('&limit=1000', ''))).map(({ action }) => action),
      actions,
      query,
    );
  const page = await rest.call('GET', `/audit?space=${mine}&limit=1&offset=1&order=asc`);
  t.match(page.body, [{ action: 'createRoleBinding' }]);
  t.equal(page.headers.get('x-total-count'), String(own.length));
  t.equal(new Set(own.map(({ id }) => id)).size, own.length);
  t.match(await rest.call('GET', '/audit?since=yesterday'), { status: 400 });
  // Records of a removed space stay readable for callers who can read all, but not for members of a
  // new space of that name.
  const gone = unique('gone');
  await rest.call('POST', '/spaces', { name: gone });
  await rest.call('DELETE', `/spaces/${gone}`);
  t.match(
    (await recordsOf(rest, `&space=${gone}`)).map(({ action }) => action),
    ['createSpace', 'deleteSpace'],
  );
  await rest.call('POST', '/spaces', { name: gone });
  t.teardown(() => rest.call('DELETE', `/spaces/${gone}`));
  const heir = await person(t, target, [await role(t, target, ...AUDITOR), gone]);
  t.match(
    (await recordsOf(heir.rest, `&space=${gone}`)).map(({ action }) => action),
    ['createSpace', 'createRoleBinding'],
  );
});

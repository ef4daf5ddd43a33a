/** The control plane of E2B's API, and how it admits to sandboxes. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { AT_ONCE } from '../../controller/services/budget/limits.ts';
import { signatureOf } from '../../controller/services/sandboxes/sandbox-tokens.ts';
import type { Rest } from '../cluster/rest.ts';
import { person, unique } from './people.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
let url: string;
let key: string;
let space: string;

t.before(async () => {
  target = await openTarget(t, { e2b: true });
  if (target.e2b === undefined) return;
  url = target.e2b;
  space = unique('space');
  await target.rest.call('POST', '/spaces', { name: space, settings: { profiles: ['locked', 'workstation'] } });
  key = await keyOf(target.rest);
});

async function keyOf(rest: Rest, more: object = {}): Promise<string> {
  const made = await rest.call('POST', '/api-keys', { name: unique('key'), space, ...more });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  return (made.body as { e2b_key: string }).e2b_key;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into bodies of any shape
  readonly body: any;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = { 'x-api-key': key }): Promise<Answer> {
  const response = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

const created = async (more: object = {}): Promise<{ sandboxID: string; envdAccessToken: string }> => {
  const made = await call('POST', '/v2/sandboxes', { templateID: 'base', ...more });
  if (made.status !== 201) throw new Error(JSON.stringify(made));
  return made.body;
};
const toData = (id: string, more: Record<string, string> = {}) => ({ 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983', ...more });
const isUp = async (id: string) => (await call('GET', '/health', undefined, toData(id))).status === 204;

/** Whether a sandbox has so long, from within ten seconds of its creation on. */
function isTime({ startedAt, endAt }: { readonly startedAt: string; readonly endAt: string }, ms: number): boolean {
  const upAfterMs = Date.parse(endAt) - Date.parse(startedAt) - ms;
  return upAfterMs >= 0 && upAfterMs < 10_000;
}

t.test('a sandbox is created, found, listed and killed', async (t) => {
  const made = await call('POST', '/v2/sandboxes', { templateID: 'base', metadata: { of: 'one' }, envVars: { A: 'b' }, unknown: 1 });
  t.match(made, {
    status: 201,
    body: { sandboxID: String, templateID: 'base', clientID: String, envdVersion: '0.6.1', domain: 'sbx.test:3443' },
  });
  const { sandboxID: id, envdAccessToken: token } = made.body;
  t.match(token, /^[0-9a-f]{64}$/);
  const detail = await call('GET', `/sandboxes/${id}`);
  t.match(detail, { status: 200, body: { sandboxID: id, state: 'running', metadata: { of: 'one' }, envdAccessToken: token } });
  t.match(detail.body, { cpuCount: Number, memoryMB: Number, diskSizeMB: Number, lifecycle: { autoResume: false, onTimeout: 'kill' } });
  t.ok(isTime(detail.body, 300_000), 'the default of the second version, from when it was up');
  t.match(await target.rest.call('GET', `/sessions/${id}`), { status: 200, body: { space, profile: 'workstation', state: 'idle' } });
  t.same((await call('GET', '/envs', undefined, toData(id, { 'x-access-token': token }))).body, { A: 'b' });
  t.equal((await call('DELETE', `/sandboxes/${id}`)).status, 204);
  t.match(await call('DELETE', `/sandboxes/${id}`), { status: 404, body: { code: 404, message: String } });
  t.match(await call('GET', `/sandboxes/${id}`), { status: 404, body: { code: 404 } });
  t.match(await call('GET', '/health', undefined, toData(id)), { status: 502, body: { sandboxId: id, code: 502 } });
  t.match(await call('DELETE', '/sandboxes/nonexistingsandbox'), { status: 404, body: { code: 404 } });
});

t.test('the first version has a default of its own, and aliases', async (t) => {
  const { body } = await call('POST', '/sandboxes', { templateID: 'base', secure: true });
  const detail = (await call('GET', `/sandboxes/${body.sandboxID}`)).body;
  t.ok(isTime(detail, 15_000));
  t.equal((await call('POST', `/sandboxes/${body.sandboxID}/refreshes`, { duration: 60 })).status, 204);
  t.equal((await call('POST', `/sandboxes/${body.sandboxID}/resume`, { timeout: 60 })).status, 409, 'it runs');
  t.equal((await call('DELETE', `/sandboxes/${body.sandboxID}`)).status, 204);
});

t.test('what Raworc does not keep is refused', async (t) => {
  for (const option of [
    { allow_internet_access: false },
    { network: { denyOut: ['0.0.0.0/0'] } },
    { network: { allowPublicTraffic: false } },
    { mcp: { browserbase: {} } },
    { volumeMounts: [{ name: 'v', path: '/v' }] },
    { iam: { role: 'x' } },
    { secure: false },
    { timeout: 'soon' },
    { metadata: { a: 1 } },
    { envVars: { 'a=b': 'c' } },
  ])
    t.match(
      await call('POST', '/v2/sandboxes', { templateID: 'base', ...option }),
      { status: 400, body: { code: 400 } },
      JSON.stringify(option),
    );
  t.match(await call('POST', '/v2/sandboxes', { templateID: 'unheard-of' }), { status: 404, body: { message: /unheard-of/ } });
  t.match(await call('POST', '/v2/sandboxes', {}), { status: 400 });
  for (const [method, path] of [
    ['POST', '/v3/templates'],
    ['GET', '/volumes'],
    ['POST', '/secrets'],
    ['GET', '/teams'],
  ] as const)
    t.match(await call(method, path), { status: 400, body: { code: 400, message: /^Raworc / } }, path);
  t.equal((await call('GET', '/nowhere')).status, 404);
});

t.test('only valid keys are admitted, in either form, with the rights of their account', async (t) => {
  t.match(await call('GET', '/v2/sandboxes', undefined, {}), { status: 401, body: { code: 401 } });
  t.match(await call('GET', '/v2/sandboxes', undefined, { 'x-api-key': `e2b_${'0'.repeat(64)}` }), { status: 401 });
  const made = (await target.rest.call('POST', '/api-keys', { name: 'two forms' })).body as { key: string };
  t.equal((await call('GET', '/v2/sandboxes', undefined, { 'x-api-key': made.key })).status, 200);
  const ann = await person(t, target);
  const nobody = await keyOf(ann.rest, { space: undefined }).catch(() => '');
  if (nobody !== '') t.match(await call('POST', '/v2/sandboxes', { templateID: 'base' }, { 'x-api-key': nobody }), { status: 404 });
  const id = (await created()).sandboxID;
  const viewer = await person(t, target, ['viewer', space]);
  const theirs = { 'x-api-key': await keyOf(viewer.rest) };
  t.equal((await call('GET', `/sandboxes/${id}`, undefined, theirs)).status, 200);
  t.match(await call('DELETE', `/sandboxes/${id}`, undefined, theirs), { status: 403, body: { code: 403 } });
  t.match(await call('POST', '/v2/sandboxes', { templateID: 'base' }, theirs), { status: 403 });
  await call('DELETE', `/sandboxes/${id}`);
});

t.test('lists are newest first, by metadata, state, start and page', async (t) => {
  const group = unique('group');
  const ids: string[] = [];
  for (const at of [1, 2, 3]) ids.unshift((await created({ metadata: { group, 'a b&c': `x=${at}%` } })).sandboxID);
  const byGroup = (more = '') =>
    `/v2/sandboxes?metadata=${encodeURIComponent(`group=${encodeURIComponent(encodeURIComponent(group))}`)}${more}`;
  const idsIn = ({ body }: Answer) => body.map((one: { sandboxID: string }) => one.sandboxID);
  t.same(idsIn(await call('GET', byGroup())), ids);
  t.same(idsIn(await call('GET', byGroup('&order=asc'))), [...ids].reverse());
  const first = await call('GET', byGroup('&limit=2'));
  t.same(idsIn(first), ids.slice(0, 2));
  const next = first.headers.get('x-next-token') ?? '';
  const second = await call('GET', byGroup(`&limit=2&nextToken=${next}`));
  t.same([idsIn(second), second.headers.get('x-next-token')], [ids.slice(2), null]);
  const odd = new URLSearchParams({ [encodeURIComponent('a b&c')]: encodeURIComponent('x=2%') }).toString();
  t.same(idsIn(await call('GET', `/v2/sandboxes?metadata=${encodeURIComponent(odd)}`)), [ids[1]]);
  t.equal((await call('POST', `/sandboxes/${ids[0]}/pause`)).status, 204);
  t.same(idsIn(await call('GET', byGroup('&state=paused'))), ids.slice(0, 1));
  t.same(idsIn(await call('GET', byGroup('&state=running'))), ids.slice(1));
  const { startedAt } = (await call('GET', `/sandboxes/${ids[0]}`)).body;
  t.same(idsIn(await call('GET', byGroup(`&startedAfter=${startedAt}`))), ids.slice(0, 1));
  for (const wrong of ['limit=0', 'limit=101', 'state=gone', 'startedAfter=x', 'nextToken=x', 'order=up'])
    t.match(await call('GET', `/v2/sandboxes?${wrong}`), { status: 400, body: { code: 400 } }, wrong);
  const other = await keyOf(target.rest, { space: 'default' });
  t.same((await call('GET', byGroup(), undefined, { 'x-api-key': other })).body, [], 'in the space of the key only');
  for (const id of ids) t.equal((await call('DELETE', `/sandboxes/${id}`)).status, 204);
  t.same((await call('GET', byGroup())).body, []);
});

t.test('a sandbox pauses, resumes, and moves its end', async (t) => {
  const { sandboxID: id } = await created({ timeout: 100 });
  const endAt = async () => Date.parse((await call('GET', `/sandboxes/${id}`)).body.endAt);
  const end = await endAt();
  t.equal((await call('POST', `/v2/sandboxes/${id}/connect`, { timeout: 5 })).status, 200, 'it runs');
  t.equal(await endAt(), end, 'connecting never shortens');
  t.equal((await call('POST', `/v2/sandboxes/${id}/connect`, { timeout: 500 })).status, 200);
  t.ok((await endAt()) > end + 300_000);
  t.equal((await call('POST', `/sandboxes/${id}/timeout`, { timeout: 50 })).status, 204);
  t.ok((await endAt()) < end + 10_000, 'a timeout shortens');
  t.equal(await isUp(id), true);
  t.equal((await call('POST', `/sandboxes/${id}/pause`)).status, 204);
  t.equal(await isUp(id), false);
  t.match(await call('POST', `/sandboxes/${id}/pause`), { status: 409, body: { code: 409 } });
  t.match(await call('GET', `/sandboxes/${id}`), { status: 200, body: { state: 'paused' } });
  t.match(await call('POST', `/v2/sandboxes/${id}/connect`, {}), { status: 201, body: { sandboxID: id } });
  t.equal(await isUp(id), true);
  t.equal((await call('POST', `/sandboxes/${id}/pause`, { memory: false })).status, 204);
  t.match(await target.rest.call('GET', `/sessions/${id}`), { body: { state: 'suspended' } });
  t.match(await call('POST', `/sandboxes/${id}/connect`, { timeout: 30 }), { status: 201 });
  t.equal((await call('DELETE', `/sandboxes/${id}`)).status, 204);
});

t.test('at its end, a sandbox is killed, or paused and resumed by use', async (t) => {
  const events = await target.rest.watch('/events');
  t.teardown(() => events.close());
  const killed = await created({ timeout: 1 });
  const paused = await created({ timeout: 1, autoPause: true, autoResume: { enabled: true } });
  const kept = await created({ timeout: 1, autoPause: true });
  await events.until('it is killed', ({ type, data }) => type === 'session.deleted' && JSON.stringify(data).includes('timeout is over'));
  t.equal((await call('GET', `/sandboxes/${killed.sandboxID}`)).status, 404);
  for (const { sandboxID: id } of [paused, kept])
    while ((await call('GET', `/sandboxes/${id}`)).body.state !== 'paused')
      await events.until('it rests', ({ type }) => type === 'session.state');
  t.equal(await isUp(kept.sandboxID), false);
  t.equal(await isUp(paused.sandboxID), false, 'a stranger does not wake it');
  const withToken = toData(paused.sandboxID, { 'x-access-token': paused.envdAccessToken });
  t.equal((await call('GET', '/health', undefined, withToken)).status, 204);
  t.match(await call('GET', `/sandboxes/${paused.sandboxID}`), { body: { state: 'running' } });
  for (const { sandboxID: id } of [paused, kept]) t.equal((await call('DELETE', `/sandboxes/${id}`)).status, 204);
});

t.test('copies: forks run, snapshots are templates', async (t) => {
  const { sandboxID: id } = await created({ metadata: { of: 'fork' }, envVars: { A: 'kept' } });
  const forked = await call('POST', `/sandboxes/${id}/fork`, { count: 2 });
  t.match(forked, { status: 201, body: [{ sandbox: { sandboxID: String } }, { sandbox: { sandboxID: String } }] });
  const [{ sandbox }] = forked.body;
  t.same((await call('GET', '/envs', undefined, toData(sandbox.sandboxID, { 'x-access-token': sandbox.envdAccessToken }))).body, {
    A: 'kept',
  });
  t.match(await call('POST', `/sandboxes/${id}/fork`, { count: 0 }), { status: 400 });
  const snapshot = await call('POST', `/sandboxes/${id}/snapshots`, { name: 'a name' });
  t.match(snapshot, { status: 201, body: { snapshotID: /:/, names: ['a name'] } });
  const { snapshotID } = snapshot.body;
  t.match(await call('GET', `/snapshots?sandboxID=${id}`), { status: 200, body: [{ snapshotID }] });
  const again = await created({ templateID: snapshotID });
  t.match(await call('GET', `/sandboxes/${again.sandboxID}`), { body: { templateID: snapshotID } });
  t.equal((await call('DELETE', `/templates/${encodeURIComponent(snapshotID)}`)).status, 204);
  t.match(await call('DELETE', `/templates/${encodeURIComponent(snapshotID)}`), { status: 404, body: { code: 404 } });
  t.equal((await call('POST', '/v2/sandboxes', { templateID: snapshotID })).status, 404);
  for (const one of [id, again.sandboxID, ...forked.body.map((f: { sandbox: { sandboxID: string } }) => f.sandbox.sandboxID)])
    t.equal((await call('DELETE', `/sandboxes/${one}`)).status, 204);
});

t.test('only its token admits to a sandbox, and the token ends with its key', async (t) => {
  const made = (await target.rest.call('POST', '/api-keys', { name: 'ends', space })).body as { id: string; e2b_key: string };
  const { sandboxID: id, envdAccessToken: token } = (
    await call('POST', '/v2/sandboxes', { templateID: 'base' }, { 'x-api-key': made.e2b_key })
  ).body;
  const envs = (sent: string | undefined) =>
    call('GET', '/envs', undefined, toData(id, sent === undefined ? {} : { 'x-access-token': sent }));
  t.equal((await envs(token)).status, 200);
  t.match(await envs(undefined), { status: 401, body: { code: 401 } });
  t.match(await envs(token.replace(/^./, (first: string) => (first === '0' ? '1' : '0'))), { status: 401 });
  const connected = await call('POST', `/v2/sandboxes/${id}/connect`, {});
  t.not(connected.body.envdAccessToken, token, 'another key has another token');
  t.equal((await envs(connected.body.envdAccessToken)).status, 200);
  t.equal((await target.rest.call('DELETE', `/api-keys/${made.id}`)).status, 204);
  t.equal((await envs(token)).status, 401);
  t.equal((await envs(connected.body.envdAccessToken)).status, 200);
  t.equal((await call('DELETE', `/sandboxes/${id}`)).status, 204);
});

t.test('signatures admit to one path, in their time', async (t) => {
  const hello = { path: 'hello.txt', operation: 'read', user: 'user' } as const;
  t.equal(signatureOf(hello, '0tQG31xiMp0IOQfaz9dcwi72L1CPo8e0'), 'v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E');
  const { sandboxID: id, envdAccessToken: token } = await created();
  const read = (signature: string, more = '', headers: Record<string, string> = {}) =>
    call('GET', `/files?path=a.txt&username=user&signature=${encodeURIComponent(signature)}${more}`, undefined, headers);
  const file = { path: 'a.txt', operation: 'read', user: 'user' } as const;
  t.not((await read(signatureOf(file, token))).status, 401, 'the sandbox follows from the signature');
  t.not((await read(signatureOf(file, token), '', toData(id))).status, 401);
  t.match(await read(signatureOf({ ...file, path: 'b.txt' }, token)), { status: 401, body: { code: 401, message: 'invalid signature' } });
  const past = await read(signatureOf({ ...file, expiresS: 1 }, token), '&signature_expiration=1');
  t.same([past.status, past.body], [401, { code: 401, message: 'signature is already expired' }]);
  t.match(await call('GET', '/files?path=a.txt', undefined, toData(id)), {
    status: 401,
    body: { message: 'missing signature query parameter' },
  });
  t.equal((await call('DELETE', `/sandboxes/${id}`)).status, 204);
});

t.test('connections without a valid key make room for newer ones, and those with one stay', async (t) => {
  const { hostname, port } = new URL(url);
  const open = async (): Promise<Socket> => {
    const socket = connect({ host: hostname, port: Number(port) });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    return socket;
  };
  const known = await open();
  known.write(`GET /v2/sandboxes HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\n\r\n`);
  await once(known, 'data');
  const strangers: Socket[] = [];
  for (let count = 0; count < AT_ONCE.stranger_connections.address; count += 1) strangers.push(await open());
  const closed = Promise.all(strangers.slice(0, 10).map((socket) => once(socket, 'close')));
  for (let count = 0; count < 10; count += 1) strangers.push(await open());
  await closed;
  t.equal(known.closed, false);
  t.equal((await call('GET', '/v2/sandboxes')).status, 200);
  known.write('GET / HTTP/9\r\n\r\n');
  const [unreadable] = await once(known, 'data');
  t.match(String(unreadable), /^HTTP\/1\.1 400 [\s\S]*"code":400/);
});

t.test('changes are in the audit record, by key', async (t) => {
  const { sandboxID: id } = await created();
  await call('DELETE', `/sandboxes/${id}`);
  const { body } = await target.rest.call('GET', '/audit?action=e2bKillSandbox&limit=1');
  t.match(body, [{ action: 'e2bKillSandbox', actor: 'admin', credential: /^key:/, resource: 'sessions', resource_id: id, outcome: 'ok' }]);
});

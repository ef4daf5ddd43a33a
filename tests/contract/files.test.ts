/** Files of sessions over REST. */
import t from 'tap';
import { openTarget, type Target } from './target.ts';

let target: Target;
let id: string;
let token: string;

t.before(async () => {
  target = await openTarget(t);
  ({ id } = await target.rest.createSession());
  const login = await fetch(`${target.url}/api/v0/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'admin', pass: target.password }),
  });
  ({ token } = (await login.json()) as { token: string });
});

interface Asked {
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

async function ask(method: string, rest: string, { body, headers = {} }: Asked = {}) {
  const response = await fetch(`${target.url}/api/v0/sessions/${id}/files${rest}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.startsWith('application/json') === true ? JSON.parse(text) : undefined;
  return { status: response.status, headers: Object.fromEntries(response.headers), text, json };
}

t.test('a file is put and read, whole, in parts and on conditions', async (t) => {
  t.match(await ask('PUT', '?path=a.txt', { body: 'hello' }), {
    ...{ status: 200, json: { path: '/session/workspace/a.txt', name: 'a.txt', size: 5, type: 'file', mode: '0644', created: true } },
  });
  const whole = await ask('GET', '?path=a.txt');
  t.match(whole, {
    status: 200,
    text: 'hello',
    headers: { 'content-length': '5', 'accept-ranges': 'bytes', 'content-disposition': 'attachment' },
  });
  const etag = whole.headers.etag ?? '';
  t.match(await ask('GET', '?path=a.txt', { headers: { range: 'bytes=1-2' } }), {
    ...{ status: 206, text: 'el', headers: { 'content-range': 'bytes 1-2/5', 'content-length': '2' } },
  });
  t.match(await ask('GET', '?path=a.txt', { headers: { range: 'bytes=-2' } }), { status: 206, text: 'lo' });
  t.match(await ask('GET', '?path=a.txt', { headers: { range: 'bytes=9-' } }), { status: 416, json: { error: { details: { size: 5 } } } });
  t.match(await ask('GET', '?path=a.txt', { headers: { 'if-none-match': etag } }), { status: 304, text: '' });
  t.match(await ask('PUT', '?path=a.txt', { body: 'x', headers: { 'if-match': '"other"' } }), { status: 412 });
  t.match(await ask('PUT', '?path=a.txt', { body: 'x', headers: { 'if-none-match': '*' } }), { status: 412 });
  t.match(await ask('PUT', '?path=a.txt', { body: 'again', headers: { 'if-match': etag } }), { status: 200, json: { created: false } });
});

t.test('a path is in the address too, with slashes or without', async (t) => {
  t.match(await ask('PUT', '/d/e%20f.txt?parents', { body: 'x' }), { status: 200, json: { path: '/session/workspace/d/e f.txt' } });
  t.match(await ask('GET', '/d%2Fe%20f.txt'), { status: 200, text: 'x' });
  t.match(await ask('GET', '//session/workspace/d/e%20f.txt'), { status: 200, text: 'x' });
  t.match(await ask('GET', `?path_base64=${Buffer.from('d/e f.txt').toString('base64')}`), { status: 200, text: 'x' });
});

t.test('a directory is listed page by page', async (t) => {
  const first = await ask('GET', '?list&depth=2&limit=2');
  t.match(first, { status: 200, json: { entries: [{ name: 'a.txt' }, { name: 'd', type: 'directory' }], next: String } });
  t.match(await ask('GET', `?list&depth=2&limit=2&after=${first.json.next}`), {
    json: { entries: [{ path: '/session/workspace/d/e f.txt' }], next: null },
  });
  t.match(await ask('GET', '?stat&path=d'), { status: 200, json: { type: 'directory', etag: String } });
});

t.test('files are made, moved, changed and removed', async (t) => {
  t.match(await ask('POST', '/m?mkdir'), { status: 200, json: { created: true } });
  t.match(await ask('POST', '/m?mkdir'), { status: 409 });
  t.match(await ask('POST', '/a.txt?move=m/b.txt'), { status: 200, json: { path: '/session/workspace/m/b.txt' } });
  t.match(await ask('POST', '/m'), { status: 400 });
  const json = { 'content-type': 'application/json' };
  t.match(await ask('PATCH', '/m/b.txt', { body: '{"mode":"700"}', headers: json }), { status: 200, json: { mode: '0700' } });
  t.match(await ask('PATCH', '/m/b.txt', { body: '{"mode":"9"}', headers: json }), { status: 422 });
  t.match(await ask('DELETE', '/m?recursive'), { status: 204 });
  t.match(await ask('DELETE', '/m?recursive'), { status: 404 });
});

t.test('what cannot be done says why, and what to do', async (t) => {
  t.match(await ask('GET', '/none'), { status: 404, json: { error: { code: 'NOT_FOUND' } } });
  t.match(await ask('GET', '/d'), { status: 409 });
  t.match(await ask('PUT', '/full', { body: 'x' }), { status: 507, json: { error: { code: 'INSUFFICIENT_STORAGE' } } });
  t.match(await ask('GET', '?path=a%00b'), { status: 400 });
  t.match(await ask('GET', `?path=${'x'.repeat(5000)}`), { status: 400 });
  t.match(await ask('GET', '?path=%2Fsession%2F.raworc%2Fx'), { status: 409 });
});

t.test('a request wakes a session that rests, unless it is not to, and a change is audited once', async (t) => {
  t.match(await target.rest.call('POST', `/sessions/${id}/pause`), { status: 200 });
  t.match(await ask('GET', '/d?stat&wake=false'), { status: 409, json: { error: { message: /state paused/ } } });
  t.match(await ask('GET', '/d?stat'), { status: 200 });
  t.match(await ask('PUT', '/audited', { body: 'x' }), { status: 200 });
  const { body } = await target.rest.call('GET', `/audit?resource=sessions/${id}`);
  const actions = (Array.isArray(body) ? body : []).map((record: { action?: string }) => record.action);
  t.equal(actions.filter((action) => action === 'putSessionFile').length > 0, true, JSON.stringify(actions.slice(0, 5)));
});

/** Files of sessions over REST. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { Raworc } from '../../sdk/raworc.ts';
import { testDirectory } from '../test-directory.ts';
import { world } from '../unit/cli/world.ts';
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

t.test('changes come as events, and directories as archives', async (t) => {
  const watch = await ask('GET', '?watch&recursive');
  t.match(watch, { status: 200, headers: { 'content-type': /^text\/event-stream/ } });
  t.same(
    [...watch.text.matchAll(/^event: (.*)$/gm)].map(([, event]) => event),
    ['ready', 'change', 'lost'],
  );
  t.match(watch.text, /^data: \{"type":"created","path":"a"/m);
  const archive = await ask('GET', '?archive=tar');
  t.match(archive, { status: 200, headers: { 'accept-ranges': 'none', 'content-disposition': 'attachment' } });
  t.equal(archive.text.length, 1024);
  t.match(await ask('PUT', '/unpacked?archive=tar', { body: 'x'.repeat(2048) }), { status: 200, json: { files: 1, bytes: 2048 } });
  t.match(await ask('GET', '?archive=zip'), { status: 400 });
});

t.test('the SDK reads, writes and watches files', async (t) => {
  const files = new Raworc({ url: target.url, token }).files(id);
  t.match(await files.write('sdk.txt', 'written', { mode: '640' }), { created: true, size: 7, mode: '0640' });
  const read = await files.read('sdk.txt');
  t.match(read, { size: 7, mode: '0640', etag: String });
  t.equal(await new Response(read.bytes).text(), 'written');
  t.match(await files.stat('sdk.txt'), { name: 'sdk.txt', type: 'file' });
  await t.rejects(files.stat('none'), { name: 'RaworcError', status: 404, code: 'NOT_FOUND' });
  const kinds: string[] = [];
  for await (const { kind } of files.watch('', { recursive: true })) {
    kinds.push(kind);
    if (kind === 'lost') break;
  }
  t.same(kinds, ['ready', 'change', 'lost']);
  await files.remove('sdk.txt');
  await t.rejects(files.read('sdk.txt'), { name: 'RaworcError', status: 404, code: 'NOT_FOUND' });
});

t.test('raworc cp copies files both ways, and says what it cannot', async (t) => {
  const { env, run, start } = await world(t, target);
  env.RAWORC_TOKEN = token;
  const here = testDirectory(t);
  writeFileSync(join(here, 'a'), 'content', { mode: 0o600 });
  t.match(await run('cp', join(here, 'a'), `${id}:cp.txt`), { code: 0 });
  t.match(await ask('GET', '?stat&path=cp.txt'), { json: { size: 7, mode: '0600' } });
  t.match(await run('cp', `${id}:cp.txt`, join(here, 'b')), { code: 0 });
  t.equal(readFileSync(join(here, 'b'), 'utf8'), 'content');
  t.equal(statSync(join(here, 'b')).mode & 0o777, 0o600);
  mkdirSync(join(here, 'into'));
  t.match(await run('cp', `${id}:cp.txt`, join(here, 'into')), { code: 0 });
  t.equal(readFileSync(join(here, 'into', 'cp.txt'), 'utf8'), 'content');
  t.match(await start(['cp', '-', `${id}:piped`], Readable.from(['piped'])).done, { code: 0 });
  t.match(await ask('GET', '/piped'), { text: 'piped' });
  t.match(await run('cp', `${id}:piped`, '-'), { code: 0, out: 'piped' });
  t.match(await run('cp', join(here, 'into'), `${id}:tree`), { code: 0 });
  t.match(await run('cp', join(here, 'none'), `${id}:x`), { code: 1, err: /There is no .*none/ });
  t.match(await run('cp', join(here, 'a'), join(here, 'c')), { err: /SESSION:PATH/ });
  t.match(await run('cp', `${id}:none`, here), { code: 1 });
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

import { randomUUID } from 'node:crypto';
import t from 'tap';
import type { Answer } from '../cluster/rest.ts';
import { archiveOf, type Item, main, tarOf } from '../unit/controller/agents/source-archives.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
let session = '';
t.before(async () => {
  target = await openTarget(t);
  session = (await target.rest.createSession({ name: 'bad input' })).id;
  await target.rest.call('POST', '/spaces/default/agents', { name: 'victim' });
});

/** Returns for example "404 NOT_FOUND" if the body is a valid error. */
function said({ status, body }: Answer): string {
  if (typeof body !== 'object' || body === null || !('error' in body)) return `${status}`;
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return `${status} without a code`;
  return typeof error.message === 'string' && error.message !== '' ? `${status} ${error.code}` : `${status} without a message`;
}

t.test('invalid requests get the documented error and change nothing', async (t) => {
  const { rest } = target;
  const json = 'application/json';
  const unknown = randomUUID();
  const before = (await rest.call('GET', '/sessions')).headers.get('x-total-count');
  const cases: [string, () => Promise<Answer>, string][] = [
    ['an unknown session', () => rest.call('GET', `/sessions/${unknown}`), '404 NOT_FOUND'],
    ['messages of an unknown session', () => rest.call('GET', `/sessions/${unknown}/messages`), '404 NOT_FOUND'],
    ['a message to an unknown session', () => rest.call('POST', `/sessions/${unknown}/messages`, { content: 'x' }), '404 NOT_FOUND'],
    ['the events of an unknown session', () => rest.call('GET', `/sessions/${unknown}/events`), '404 NOT_FOUND'],
    ['the deletion of an unknown session', () => rest.call('DELETE', `/sessions/${unknown}`), '404 NOT_FOUND'],
    ['an id that is none', () => rest.call('GET', '/sessions/..%2f..'), '404 NOT_FOUND'],
    ['an unknown path', () => rest.call('GET', '/sesions'), '404 NOT_FOUND'],
    ['an unknown space', () => rest.call('POST', '/sessions', { space: 'nowhere' }), '404 NOT_FOUND'],
    ['agents of an unknown space', () => rest.call('GET', '/spaces/nowhere/agents'), '404 NOT_FOUND'],
    ['an unknown agent', () => rest.call('GET', '/spaces/default/agents/nobody'), '404 NOT_FOUND'],
    ['the deployment of an unknown agent', () => rest.call('POST', '/spaces/default/agents/nobody/deploy'), '404 NOT_FOUND'],
    ['an unknown build', () => rest.call('GET', `/spaces/default/build/${unknown}`), '404 NOT_FOUND'],
    ['an unknown node', () => rest.call('GET', `/nodes/${unknown}`), '404 NOT_FOUND'],
    ['malformed JSON', () => rest.send('POST', '/sessions', '{"name":', json), '400 BAD_REQUEST'],
    [
      'a wrong media type',
      () => rest.send('POST', '/sessions', 'name=x', 'application/x-www-form-urlencoded'),
      '415 UNSUPPORTED_MEDIA_TYPE',
    ],
    ['2 MiB', () => rest.send('POST', '/sessions', JSON.stringify({ name: 'x'.repeat(2 ** 21) }), json), '413 PAYLOAD_TOO_LARGE'],
    ['a wrong method', () => rest.call('PATCH', `/sessions/${session}`, {}), '405 METHOD_NOT_ALLOWED'],
    ['a wrong type', () => rest.call('POST', '/sessions', { metadata: [] }), '422 UNPROCESSABLE_ENTITY'],
    ['a timeout of nothing', () => rest.call('POST', '/sessions', { timeouts: { ttl_s: -1 } }), '422 UNPROCESSABLE_ENTITY'],
    ['a message without content', () => rest.call('POST', `/sessions/${session}/messages`, {}), '422 UNPROCESSABLE_ENTITY'],
    [
      'a message of an agent',
      () => rest.call('POST', `/sessions/${session}/messages`, { content: 'x', role: 'agent' }),
      '422 UNPROCESSABLE_ENTITY',
    ],
    ['a name that is none', () => rest.call('POST', '/spaces/default/agents', { name: '../x' }), '422 UNPROCESSABLE_ENTITY'],
    ['the reserved name', () => rest.call('POST', '/spaces/default/agents', { name: 'running' }), '422 UNPROCESSABLE_ENTITY'],
    ['a name that is taken', () => rest.call('POST', '/spaces/default/agents', { name: 'victim' }), '409 CONFLICT'],
    ['a deployment without a source', () => rest.call('POST', '/spaces/default/agents/victim/deploy'), '409 CONFLICT'],
    ['a token of no duration', () => rest.call('POST', '/nodes/tokens', { expires_in_s: 0 }), '422 UNPROCESSABLE_ENTITY'],
    [
      'a session that fits nowhere',
      () => rest.call('POST', '/sessions', { resources: { requests: { memory_bytes: 2 ** 37 } } }),
      '503 UNAVAILABLE',
    ],
    ...['/sessions', `/sessions/${session}/messages`, '/spaces/default/agents', '/nodes'].flatMap((list) =>
      ['limit=0', 'limit=1001', 'limit=x', 'offset=-1', 'order=up'].map((query): [string, () => Promise<Answer>, string] => [
        `${list}?${query}`,
        () => rest.call('GET', `${list}?${query}`),
        '400 BAD_REQUEST',
      ]),
    ),
  ];
  for (const [name, call, expected] of cases) {
    const answer = await call();
    t.equal(said(answer), expected, name);
    t.ok(answer.headers.get('x-request-id'), `${name}: a request id`);
  }
  t.equal((await rest.call('GET', '/sessions')).headers.get('x-total-count'), before, 'no session was made');
  t.same((await rest.call('GET', `/sessions/${session}/messages/count`)).body, { count: 0, session_id: session }, 'no message was made');
});

t.test('if no node has room, the error names the reason of each', async (t) => {
  const { status, body } = await target.rest.call('POST', '/sessions', { resources: { requests: { memory_bytes: 2 ** 37 } } });
  t.equal(status, 503);
  t.match(JSON.stringify(body), /memory/i);
});

t.test('a deleted session is unknown to every operation, including a second deletion', async (t) => {
  const { rest } = target;
  const { id } = await rest.createSession();
  await rest.post(id, 'hello');
  const removed = await rest.call('DELETE', `/sessions/${id}`);
  t.same([removed.status, removed.body], [204, undefined]);
  t.equal(said(await rest.call('POST', `/sessions/${id}/messages`, { content: 'still there?' })), '404 NOT_FOUND');
  t.equal(said(await rest.call('GET', `/sessions/${id}/messages`)), '404 NOT_FOUND');
  t.equal(said(await rest.call('GET', `/sessions/${id}/events`)), '404 NOT_FOUND');
  t.equal(said(await rest.call('GET', `/sessions/${id}`)), '404 NOT_FOUND');
  t.equal(said(await rest.call('DELETE', `/sessions/${id}`)), '404 NOT_FOUND');
});

t.test('harmful archives are refused, and leave nothing behind', async (t) => {
  const COMMAND = JSON.stringify({ runtime: 'python', handler: 'main.process_message', build_command: ['make'] });
  const bomb: Item = { name: 'zeroes', content: Buffer.alloc(40 * 2 ** 20) };
  const bodies: [string, Buffer, string][] = [
    ['a path with ..', await archiveOf([main, { name: '../x' }]), '422 UNPROCESSABLE_ENTITY'],
    ['an absolute path', await archiveOf([main, { name: '/x' }]), '422 UNPROCESSABLE_ENTITY'],
    ['a link outside', await archiveOf([main, { name: 'l', type: 'symlink', linkname: '../../etc/passwd' }]), '422 UNPROCESSABLE_ENTITY'],
    ['a hard link outside', await archiveOf([main, { name: 'l', type: 'link', linkname: '/etc/passwd' }]), '422 UNPROCESSABLE_ENTITY'],
    ['a device', await archiveOf([main, { name: 'd', type: 'block-device' }]), '422 UNPROCESSABLE_ENTITY'],
    ['a bomb', await archiveOf([main, bomb]), '413 PAYLOAD_TOO_LARGE'],
    ['no archive', await tarOf([main]), '422 UNPROCESSABLE_ENTITY'],
    ['one that is cut off', (await archiveOf([main])).subarray(0, 80), '422 UNPROCESSABLE_ENTITY'],
    ['no agent', await archiveOf([{ name: 'readme.md' }]), '422 UNPROCESSABLE_ENTITY'],
    ['a build command that is a list', await archiveOf([main, { name: 'raworc.json', content: COMMAND }]), '422 UNPROCESSABLE_ENTITY'],
    ['too large', Buffer.alloc(65 * 2 ** 20), '413 PAYLOAD_TOO_LARGE'],
  ];
  const kept = await target.sources();
  for (const [name, body, expected] of bodies) {
    const answer = await target.rest.send('PUT', '/spaces/default/agents/victim/source', new Uint8Array(body), 'application/gzip');
    t.equal(said(answer), expected, name);
  }
  t.same(await target.sources(), kept, 'no file was kept');
  t.equal(said(await target.rest.call('POST', '/spaces/default/agents/victim/deploy')), '409 CONFLICT', 'the agent still has no source');
  const good = await target.rest.send(
    'PUT',
    '/spaces/default/agents/victim/source',
    new Uint8Array(await archiveOf([main])),
    'application/gzip',
  );
  t.equal(good.status, 201, 'the control is taken');
});

t.test('without a valid token every operation returns 401; the list of paths is public', async (t) => {
  const { url } = target;
  for (const authorization of ['', 'Bearer no.good.token', 'Basic YWRtaW46YWRtaW4=']) {
    for (const path of ['/sessions', `/sessions/${session}`, `/sessions/${randomUUID()}`, '/events', '/nodes', '/auth/me']) {
      const response = await fetch(`${url}/api/v0${path}`, { headers: { authorization } });
      t.equal(
        said({ status: response.status, headers: response.headers, body: await response.json() }),
        '401 UNAUTHORIZED',
        `${path} ${authorization}`,
      );
    }
  }
  t.equal((await fetch(`${url}/api/v0/nothing`)).status, 404);
  t.equal((await fetch(`${url}/api/v0/health`)).status, 200);
});

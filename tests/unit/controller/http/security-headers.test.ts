import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { SECURITY_HEADERS } from '../../../../controller/http/server/security-headers.ts';
import { json, startRig } from './fakes.ts';

t.test('every answer carries the headers of a hardened API, whatever it is', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.server.close(0));
  const cases: readonly (readonly [what: string, status: number, answer: Promise<Response>])[] = [
    ['an answer', 200, rig.call('/auth/me')],
    ['a public one', 200, rig.call('/version')],
    ['no token', 401, rig.call('/auth/me', { headers: { authorization: '' } })],
    ['no such path', 404, rig.call('/nothing')],
    ['a wrong method', 405, rig.call('/version', json({}))],
    ['a body that is too large', 413, rig.call('/auth/login', json({ user: 'x'.repeat(20_000) }))],
    ['a stream', 200, rig.call('/events')],
    ['metrics', 200, fetch(`${rig.server.url}/metrics`, { headers: { authorization: `Bearer ${rig.token}` } })],
  ];
  for (const [what, status, answering] of cases) {
    const answer = await answering;
    t.equal(answer.status, status, what);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      const expected = what === 'a stream' && name === 'Cache-Control' ? 'no-cache, no-transform' : value;
      t.equal(answer.headers.get(name), expected, `${what}: ${name}`);
    }
    t.equal(answer.headers.get('strict-transport-security'), null, 'which is for TLS alone');
    await answer.body?.cancel();
  }
});

t.test('the reference page runs its own scripts alone, is framed by nobody, and tells no other site', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.server.close(0));
  for (const path of ['/docs', '/docs/swagger-ui.css', '/docs/page.js']) {
    const { headers, status } = await fetch(`${rig.server.url}${path}`);
    t.equal(status, 200);
    t.match(headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/);
    for (const name of ['X-Frame-Options', 'X-Content-Type-Options', 'Referrer-Policy', 'Cross-Origin-Resource-Policy'] as const)
      t.equal(headers.get(name), SECURITY_HEADERS[name], `${path}: ${name}`);
    t.equal(headers.get('cross-origin-opener-policy'), 'same-origin');
  }
});

t.test('what is no HTTP is answered with them too', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.server.close(0));
  const socket = connect(rig.server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('nonsense\r\n\r\n');
  const answer = await text(socket);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) t.ok(answer.includes(`\r\n${name}: ${value}\r\n`), name);
});

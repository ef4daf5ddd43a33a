/** Ports of sessions over HTTP: below the API, on origins of their own, public, and as TCP. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { forward } from '../../cli/commands/use/ports.ts';
import type { Io } from '../../cli/io.ts';
import { PREVIEW_COOKIE } from '../../controller/http/ports/forwarded-headers.ts';
import { Raworc } from '../../sdk/raworc.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
let id: string;
let token: string;

t.before(async () => {
  target = await openTarget(t);
  ({ id } = await target.rest.createSession());
  ({ token } = (await (
    await fetch(`${target.url}/api/v0/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ user: 'admin', pass: target.password }),
    })
  ).json()) as { token: string });
});

/** A program of the session: those of a pretended session are programs of this machine. */
async function program(t: Test, answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function rawProgram(t: Test, answer: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcp({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** No name server knows the origins of tests. */
async function raworcAt(url: string) {
  const { port } = new URL(target.url);
  const { host } = new URL(url);
  const raworc = new Raworc({
    url: target.url,
    environment: {
      fetch: async (sent) => {
        const { pathname } = new URL(sent.url);
        const got = await ask(pathname, { method: sent.method, headers: { Host: host }, body: await sent.text() });
        return new Response(got.body, { status: got.status, headers: { 'x-port': port } });
      },
    },
  });
  return raworc.enterPreview(url);
}

/** A request as a client sends it, with any Host. */
async function ask(
  path: string,
  { body, ...options }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Got> {
  const { port } = new URL(target.url);
  const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options });
  sent.end(body);
  const [res] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: res.statusCode ?? 0, headers: res.headers, body: await text(res) };
}

const base = (port: number) => `/api/v0/sessions/${id}/ports/${port}`;
const bearer = () => ({ Authorization: `Bearer ${token}` });
const hostOf = (port: number) => `${port}-${id}.preview.test:${new URL(target.url).port}`;
const admitted = async (port: number) => {
  const { body } = await target.rest.call('POST', `/sessions/${id}/ports/${port}/share`, {});
  const entered = await ask('/.raworc/enter', {
    method: 'POST',
    headers: { Host: hostOf(port), Origin: `http://${hostOf(port)}` },
    body: (body as { ticket: string }).ticket,
  });
  return String(entered.headers['set-cookie']).split(';')[0] ?? '';
};

t.test('any method, path and body pass, and nothing that authenticates the client', async (t) => {
  const port = await program(t, async (req, res) => {
    res.setHeader('Set-Cookie', 'a=b; Domain=example.com');
    res.setHeader('Clear-Site-Data', '"*"');
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader('Alt-Svc', 'h3=":443"');
    res.setHeader('X-Own', 'kept');
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body: await text(req) }));
  });
  const got = await ask(`${base(port)}/a%2Fb//c?x=%20y`, {
    method: 'PROPFIND',
    headers: {
      ...bearer(),
      Cookie: 'secret=1',
      'X-Forwarded-For': '6.6.6.6',
      Forwarded: 'for=6.6.6.6',
      Connection: 'X-Hop',
      'X-Hop': '1',
      'X-Raworc-Preview': 'x',
      'X-Mine': 'y',
    },
    body: 'the body',
  });
  t.equal(got.status, 200);
  const seen = JSON.parse(got.body);
  t.match(seen, { method: 'PROPFIND', url: '/a%2Fb//c?x=%20y', body: 'the body' });
  t.match(seen.headers, {
    host: `localhost:${port}`,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': base(port),
    'x-mine': 'y',
  });
  for (const name of ['authorization', 'cookie', 'forwarded', 'x-hop', 'x-raworc-preview']) t.notHas(seen.headers, name, name);
  t.match(got.headers, {
    'content-security-policy': /sandbox/,
    'x-own': 'kept',
    'x-content-type-options': 'nosniff',
    'x-raworc-port': String(port),
  });
  for (const name of ['set-cookie', 'clear-site-data', 'access-control-allow-origin', 'alt-svc']) t.notHas(got.headers, name, name);
});

t.test('below the API only the Authorization header admits', async (t) => {
  const port = await program(t, (_req, res) => res.end('reached'));
  t.equal((await ask(`${base(port)}/`)).status, 401);
  t.equal((await ask(`${base(port)}/`, { headers: { Cookie: await admitted(port) } })).status, 401);
  t.equal((await ask(`${base(port)}/sw.js`, { headers: { ...bearer(), 'Service-Worker': 'script' } })).status, 403);
  t.equal((await ask(`/api/v0/sessions/00000000-0000-4000-8000-000000000000/ports/${port}/`, { headers: bearer() })).status, 404);
  for (const wrong of ['0', '65536', '-1', '080', 'x'])
    t.equal((await ask(`/api/v0/sessions/${id}/ports/${wrong}/`, { headers: bearer() })).status, 404, wrong);
});

t.test('redirects and streams keep working: large bodies both ways, and events as they come', async (t) => {
  const steps = Promise.withResolvers<ServerResponse>();
  const port = await program(t, async (req, res) => {
    if (req.url === '/moved') return void res.writeHead(302, { Location: `http://localhost:${port}/there?a` }).end();
    if (req.url === '/events') {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      res.write('data: 1\n\n');
      return steps.resolve(res);
    }
    req.pipe(res);
  });
  t.equal((await ask(`${base(port)}/moved`, { headers: bearer() })).headers.location, `${base(port)}/there?a`);
  const large = 'x'.repeat(5 * 1024 * 1024);
  t.equal((await ask(`${base(port)}/`, { method: 'POST', headers: bearer(), body: large })).body.length, large.length);
  const sent = request({
    host: '127.0.0.1',
    port: new URL(target.url).port,
    path: `${base(port)}/events`,
    headers: bearer(),
    agent: false,
  }).end();
  const [events] = (await once(sent, 'response')) as [IncomingMessage];
  t.match(String((await once(events, 'data'))[0]), /data: 1/);
  const program_ = await steps.promise;
  program_.write('data: 2\n\n');
  t.match(String((await once(events, 'data'))[0]), /data: 2/, 'before the answer ends');
  sent.destroy();
  await once(program_, 'close');
  t.pass('a client that vanishes ends the request in the session');
});

t.test('hostile programs', async (t) => {
  const outcome = async (name: string, answer: (socket: Socket) => void, expected: RegExp) => {
    const port = await rawProgram(t, answer);
    const got = await ask(`${base(port)}/`, { headers: bearer() });
    t.equal(got.status, 503, name);
    t.match(got.body, expected, name);
  };
  const endless = (line: string) => (socket: Socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(line.repeat(1000)));
      if (!socket.destroyed) socket.once('drain', more);
    };
    socket.write('HTTP/1.1 102 Processing\r\n');
    more();
  };
  await outcome('a gigabyte of headers', endless('X-A: bbbbbbbbbbbbbbbbbbbb\r\n'), /more than 32 KiB of headers/);
  await outcome('one endless header', endless('x'), /more than 32 KiB|did not answer with HTTP/);
  await outcome('endless interim answers', endless('\r\nHTTP/1.1 102 Processing\r\n'), /closed the connection|did not answer/);
  await outcome('no HTTP', (socket) => socket.end('SSH-2.0-x\r\n\r\n'), /did not answer with HTTP/);
  await outcome('silence', (socket) => socket.end(), /closed the connection before it answered/);
  await outcome(
    'two framings',
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    /did not answer with HTTP/,
  );
  await outcome(
    'a switch that nobody asked for',
    (socket) => socket.end('HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
    /closed the connection/,
  );
  const cut = await rawProgram(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'));
  await t.rejects(
    ask(`${base(cut)}/`, { headers: bearer() }),
    { code: 'ECONNRESET' },
    'an answer that ends midway is not complete for the client either',
  );
  const split = await rawProgram(t, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'),
  );
  t.equal((await ask(`${base(split)}/`, { headers: bearer() })).body, 'ok', 'a second answer is for nobody');
  t.match(await ask(`${base(1)}/`, { headers: bearer() }), { status: 503, body: /Nothing in the session listens on port 1 / });
});

t.test('an address admits one browser, once, by a cookie of its origin', async (t) => {
  const port = await program(t, (req, res) => {
    res.setHeader('Set-Cookie', ['app=1; Path=/; Domain=preview.test', `${PREVIEW_COOKIE.plain}=forged`]);
    res.setHeader('Location', `http://localhost:${port}/x`);
    res.end(JSON.stringify(req.headers));
  });
  const Host = hostOf(port);
  t.equal((await ask('/', { headers: { Host } })).status, 401);
  t.match(await ask('/', { headers: { Host, Accept: 'text/html' } }), { status: 401, body: /<h1.*not public/ });
  const { status, body } = await target.rest.call('POST', `/sessions/${id}/ports/${port}/share`, { path: '/a?b=c' });
  t.equal(status, 201);
  const { url, ticket } = body as { url: string; ticket: string };
  t.equal(url, `http://${Host}/.raworc/enter?to=%2Fa%3Fb%3Dc#${ticket}`);
  t.match(await ask('/.raworc/enter', { headers: { Host } }), {
    status: 200,
    headers: { 'content-security-policy': /default-src 'none'/ },
  });
  const enter = (headers: Record<string, string>, sent = ticket) =>
    ask('/.raworc/enter', { method: 'POST', headers: { Host, ...headers }, body: sent });
  t.equal((await enter({ Origin: 'http://evil.test' })).status, 403);
  t.equal((await enter({ Host: hostOf(port + 1), Origin: `http://${hostOf(port + 1)}` })).status, 401, 'not for another port');
  const entered = await enter({ Origin: `http://${Host}` });
  t.match(entered, { status: 200, headers: { 'set-cookie': [/^raworc-preview=\S+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=3\d\d\d$/] } });
  t.notMatch(entered.body, 'token');
  t.equal((await enter({ Origin: `http://${Host}` })).status, 401, 'a ticket is used once');
  const cookie = String(entered.headers['set-cookie']).split(';')[0] ?? '';
  const seen = await ask('/', { headers: { Host, Cookie: `mine=1; ${cookie}; b=2`, Authorization: 'Basic YTpi' } });
  t.match(JSON.parse(seen.body), {
    cookie: 'mine=1; b=2',
    authorization: 'Basic YTpi',
    host: `localhost:${port}`,
    'x-forwarded-host': Host,
  });
  t.same(seen.headers['set-cookie'], ['app=1; Path=/'], 'the program’s cookies are for its origin, and none is ours');
  t.equal(seen.headers.location, '/x');
  t.notHas(seen.headers, 'content-security-policy');
  const leaked = JSON.parse((await ask('/', { headers: { Host, Cookie: cookie, ...bearer() } })).body);
  t.notHas(leaked, 'authorization', 'a token of ours that a client sends by mistake stays outside');
  t.equal((await ask('/', { headers: { Host: hostOf(port + 1), Cookie: cookie } })).status, 401, 'and of no other origin');
  t.equal((await ask('/', { headers: { Host, Cookie: `${cookie}x` } })).status, 401);
  t.equal((await ask('/api/v0/sessions', { headers: { Host, Cookie: cookie } })).status, 200, 'its paths are the program’s');
  t.equal((await ask('/api/v0/sessions', { headers: { Cookie: cookie } })).status, 401, 'and the API takes no cookie');
});

t.test('pages of other sessions, which are of the same site, cannot use the cookie', async (t) => {
  const port = await program(t, (_req, res) => res.end('reached'));
  const Host = hostOf(port);
  const Cookie = await admitted(port);
  const as = async (headers: Record<string, string>, method = 'GET') =>
    (await ask('/', { method, headers: { Host, Cookie, ...headers } })).status;
  const other = `http://${port}-00000000-0000-4000-8000-000000000000.preview.test:${new URL(target.url).port}`;
  t.equal(await as({}), 200);
  t.equal(await as({ 'Sec-Fetch-Site': 'same-origin' }, 'POST'), 200);
  t.equal(await as({ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' }), 403);
  t.equal(await as({ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }), 403);
  t.equal(await as({ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }), 200, 'a link');
  t.equal(
    await as({ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', Origin: other }, 'POST'),
    403,
    'a form',
  );
  t.equal(await as({ Origin: other }), 403);
  t.equal(await as({ Origin: 'null' }), 403);
  t.equal(await as({ Origin: `http://${hostOf(3000)}`, 'Sec-Fetch-Site': 'same-site' }, 'POST'), 200, 'another port of the same session');
});

t.test('a public port needs nothing, is an event, is listed, and can be ended', async (t) => {
  const port = await program(t, (_req, res) => res.end('for all'));
  const Host = hostOf(port);
  const feed = await target.rest.watch(`/sessions/${id}/events`);
  t.teardown(() => feed.close());
  const share = () => target.rest.call('POST', `/sessions/${id}/ports/${port}/share`, { public: true, expires_in_s: 600 });
  t.match(await share(), { status: 201, body: { public: true, url: `http://${Host}/`, ticket: null } });
  t.match(await ask('/', { headers: { Host } }), { status: 200, body: 'for all' });
  const shared = await feed.until('it is public', ({ type }) => type === 'session.port_shared');
  t.match(shared.data, { user: 'admin', port, public_until: String });
  const list = await target.rest.call('GET', `/sessions/${id}/ports`);
  t.match(
    (list.body as { port: number }[]).find((one) => one.port === port),
    { listening: true, public_by: 'admin', url: `http://${Host}` },
  );
  t.match(await target.rest.call('DELETE', `/sessions/${id}/ports/${port}/share`), { status: 204 });
  t.match(await target.rest.call('DELETE', `/sessions/${id}/ports/${port}/share`), { status: 404 });
  await feed.until('it ended', ({ type }) => type === 'session.port_unshared');
  t.equal((await ask('/', { headers: { Host } })).status, 401);
  t.match(await target.rest.call('POST', `/sessions/${id}/ports/${port}/share`, { expires_in_s: 1 }), { status: 422 });
  t.match(await target.rest.call('POST', `/sessions/${id}/ports/${port}/share`, { path: '//evil.test' }), { status: 422 });
});

t.test('WebSockets pass, below the API and on the origin, to the program that accepts them', async (t) => {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    verifyClient: ({ origin }: { origin: string }) => origin !== 'http://refused.test',
  });
  await once(server, 'listening');
  t.teardown(() => server.close());
  const origins: (string | undefined)[] = [];
  server.on('connection', (socket, req) => {
    origins.push(req.headers.origin);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const { port } = server.address() as AddressInfo;
  const url = target.url.replace('http', 'ws');
  const echo = async (socket: WebSocket) => {
    await once(socket, 'open');
    socket.send('hello');
    const [data] = await once(socket, 'message');
    const closed = once(socket, 'close');
    socket.close(4000, 'bye');
    return [String(data), (await closed)[0]];
  };
  t.same(await echo(new WebSocket(`${url}${base(port)}/hmr?x`, { headers: bearer() })), ['hello', 4000]);
  const Host = hostOf(port);
  const Cookie = await admitted(port);
  t.same(await echo(new WebSocket(url, { headers: { Host, Cookie, Origin: `http://${Host}` } })), ['hello', 4000]);
  t.equal(origins.at(-1), `http://localhost:${port}`, 'development servers see their own origin');
  const refusedWith = async (headers: Record<string, string>, path = '') => {
    const socket = new WebSocket(`${url}${path}`, { headers });
    socket.on('error', () => undefined);
    const [, res] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    return res.statusCode;
  };
  t.equal(await refusedWith({ Host, Cookie, Origin: `http://${port}-00000000-0000-4000-8000-000000000000.preview.test` }), 403);
  t.equal(await refusedWith({ Host }), 401);
  t.equal(await refusedWith({}, `${base(port)}/`), 401);
  t.equal(await refusedWith({ ...bearer(), Host: new URL(target.url).host, Origin: 'http://refused.test' }, `${base(port)}/`), 403);
});

t.test('TCP passes over a WebSocket, with half-close; failures are answers', async (t) => {
  const port = await rawProgram(t, async (socket) => socket.end(`got ${(await buffer(socket)).byteLength}`));
  const url = target.url.replace('http', 'ws');
  const socket = new WebSocket(`${url}${base(port)}`, { headers: bearer() });
  const heard: string[] = [];
  socket.on('message', (data) => heard.push(String(data)));
  await once(socket, 'open');
  for (let at = 0; at < 40; at += 1) socket.send(Buffer.alloc(60 * 1024));
  socket.send('end');
  const [code] = await once(socket, 'close');
  t.equal(code, 1000);
  t.same(heard, [`got ${40 * 60 * 1024}`, 'end']);
  const none = new WebSocket(`${url}${base(1)}`, { headers: bearer() });
  none.on('error', () => undefined);
  const [, res] = (await once(none, 'unexpected-response')) as [unknown, IncomingMessage];
  t.equal(res.statusCode, 503);
  t.match(await text(res), /Nothing in the session listens on port 1 /);
  t.equal((await ask(base(port), { headers: bearer() })).status, 400, 'an ordinary request');
});

t.test('raworc forward passes connections to a local port on, and says why one fails', async (t) => {
  const port = await rawProgram(t, async (socket) => socket.end(`got ${(await buffer(socket)).byteLength}`));
  const raworc = new Raworc({ url: target.url, token });
  const stop = new AbortController();
  const lines: string[] = [];
  const heard = Promise.withResolvers<number>();
  const failed = Promise.withResolvers<string>();
  const stderr = {
    isTTY: false,
    line(line: unknown) {
      lines.push(String(line));
      const at = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
      if (at !== undefined) heard.resolve(Number(at));
      else failed.resolve(String(line));
    },
  };
  const io = { env: {}, signal: stop.signal, stderr } as unknown as Io;
  const forwarding = forward(io, raworc, id, `0:${port}`);
  const local = connect({ port: await heard.promise, host: '127.0.0.1', allowHalfOpen: true });
  local.end(Buffer.alloc(3 * 1024 * 1024));
  t.equal((await buffer(local)).toString(), `got ${3 * 1024 * 1024}`);
  stop.abort();
  await forwarding;
  const again = new AbortController();
  const nothing = Promise.withResolvers<number>();
  const quiet = {
    ...io,
    signal: again.signal,
    stderr: {
      ...stderr,
      line: (line: unknown) => {
        const at = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
        if (at !== undefined) nothing.resolve(Number(at));
        else failed.resolve(String(line));
      },
    },
  } as unknown as Io;
  const failing = forward(quiet, raworc, id, '0:1');
  const refused = connect({ port: await nothing.promise, host: '127.0.0.1' });
  refused.on('error', () => undefined);
  refused.resume();
  await once(refused, 'close');
  t.match(await failed.promise, /Nothing in the session listens on port 1 /);
  again.abort();
  await failing;
});

t.test('the SDK exchanges an address for a header', async (t) => {
  const port = await program(t, (_req, res) => res.end('for a program'));
  const raworc = new Raworc({ url: target.url, token });
  const { url } = await raworc.ports.share(id, String(port));
  const { headers } = await raworcAt(url);
  t.match(await ask('/', { headers: { ...headers, Host: hostOf(port) } }), { status: 200, body: 'for a program' });
});

t.test('a request wakes a session that rests; revocation ends what is open', async (t) => {
  const hanging = Promise.withResolvers<ServerResponse>();
  const port = await program(t, (req, res) => {
    if (req.url !== '/hang') return void res.end('awake');
    res.write('…');
    hanging.resolve(res);
  });
  t.match(await target.rest.call('POST', `/sessions/${id}/pause`), { status: 200 });
  t.match(await target.rest.call('GET', `/sessions/${id}/ports`), { status: 200 });
  t.match(await target.rest.call('GET', `/sessions/${id}`), { body: { state: 'paused' } }, 'a list does not wake it');
  t.match(await ask(`${base(port)}/`, { headers: bearer() }), { status: 200, body: 'awake' });
  const { body } = await target.rest.call('POST', '/api-keys', { name: 'ports' });
  const { key, id: keyId } = body as { key: string; id: string };
  const headers = { Authorization: `Bearer ${key}` };
  const sent = request({ host: '127.0.0.1', port: new URL(target.url).port, path: `${base(port)}/hang`, headers, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const ended = t.rejects(text(answer), { code: 'ECONNRESET' });
  const inside = await hanging.promise;
  t.match(await target.rest.call('DELETE', `/api-keys/${keyId}`), { status: 204 });
  await ended;
  if (!inside.destroyed) await once(inside, 'close');
});

t.test('what listens is told as it changes', async (t) => {
  const feed = await target.rest.watch(`/sessions/${id}/ports?follow=true`);
  t.teardown(() => feed.close());
  // The headers come before the first look: what listens by then is in the list.
  await feed.until('ports', ({ type }) => type === 'ports');
  const server = createTcp().listen(0, '127.0.0.1');
  t.teardown(() => server.listening && server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const about = (type: string) => feed.until(type, (event) => event.type === type && (event.data as { port?: number }).port === port);
  await about('opened');
  server.close();
  await about('closed');
  t.pass('opened and closed');
});

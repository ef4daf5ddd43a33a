/** Requests to programs, over connections that a test holds. */
import { once } from 'node:events';
import { request as ask, createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { AccountId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { beginExchange, IDLE_MS, passAnswer } from '../../../../controller/http/ports/exchange.ts';
import { inwardHeaders, outwardHeaders, withoutOurCookies } from '../../../../controller/http/ports/forwarded-headers.ts';
import { isOurCredential } from '../../../../controller/http/ports/viewer-request.ts';
import { PreviewOrigins } from '../../../../controller/services/ports/preview-origins.ts';
import { MAX_PREVIEW_TICKETS, PreviewPasses } from '../../../../controller/services/ports/preview-passes.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';

const ASKED = { method: 'GET', target: '/', headers: ['Host', 'localhost', 'Connection', 'close'], isUpgrade: false };

async function dialled(t: Test, serve: (socket: Socket) => void): Promise<Socket> {
  const server = createTcp((socket) => {
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

t.test('a program that answers nothing, or drips headers, is given up after ten minutes', async (t) => {
  for (const first of ['', 'HTTP/1.1 200 OK\r\nX-A: b']) {
    const clock = new HandClock();
    const heard = Promise.withResolvers<Socket>();
    const connection = await dialled(t, (socket) => {
      socket.write(first);
      socket.once('data', () => heard.resolve(socket));
    });
    const { request, answered } = beginExchange(connection, ASKED, clock);
    request.end();
    const socket = await heard.promise;
    await clock.advance(IDLE_MS - 1);
    if (first !== '') socket.write('c');
    await clock.advance(1);
    const outcome = await answered;
    t.match(outcome, { ok: false, refusal: { code: 'UNAVAILABLE', message: /within ten minutes/ } });
    t.ok(connection.destroyed);
    t.equal(clock.timers, 0);
  }
});

t.test('an answer that stops moving is broken off, not ended', async (t) => {
  const clock = new HandClock();
  const connection = await dialled(t, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')),
  );
  const server = createServer(async (_req, res) => {
    const exchange = beginExchange(connection, ASKED, clock);
    exchange.request.end();
    const answered = await exchange.answered;
    if (answered.ok) await passAnswer(exchange, answered.value, res, [['X-A', 'b']]);
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const sent = ask({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false }).end();
  const [res] = (await once(sent, 'response')) as [IncomingMessage];
  t.equal(res.headers['x-a'], 'b');
  const body = t.rejects(text(res), { code: 'ECONNRESET' });
  await clock.advance(IDLE_MS);
  await body;
});

const INWARD = {
  ...({ port: 80, host: 'localhost:80', client: '1.2.3.4', clientHost: 'p.test', scheme: 'https', prefix: '' } as const),
  isSecret: isOurCredential,
  cookie: withoutOurCookies,
};

t.test('headers for the program', (t) => {
  const passed = (sent: string[]) => inwardHeaders(sent, INWARD, undefined).join('|');
  t.match(
    passed(['Content-Length', '5', 'Connection', 'content-length, x-b', 'X-B', '1']),
    /\|Content-Length\|5\|/,
    'the length cannot be taken away',
  );
  t.notMatch(passed(['Connection', 'x-b', 'X-B', '1']), /X-B/);
  t.match(passed(['Transfer-Encoding', 'chunked']), /Transfer-Encoding\|chunked$/);
  t.match(passed([]), /Content-Length\|0$/);
  t.notMatch(passed(['Cookie', '__Host-raworc-preview=x']), /Cookie/);
  t.match(passed(['Cookie', 'a=1; __Host-raworc-preview=x; raworc-preview=y; c=2']), /\|Cookie\|a=1; c=2\|/);
  const token = `a.${Buffer.from('{"iss":"raworc"}').toString('base64url')}.c`;
  const foreign = `a.${Buffer.from('{"iss":"app"}').toString('base64url')}.c`;
  for (const secret of [`Bearer rwk_${'a'.repeat(43)}`, `bearer e2b_${'0'.repeat(64)}`, `Bearer ${token}`])
    t.notMatch(passed(['Authorization', secret]), /Authorization/, secret.slice(0, 12));
  t.notMatch(passed(['X-API-Key', `e2b_${'0'.repeat(64)}`]), /X-API-Key/);
  for (const own of ['Basic YTpi', `Bearer ${foreign}`, 'Bearer a.b.c', 'Bearer sk-x'])
    t.match(passed(['Authorization', own]), /Authorization/, own);
  t.notMatch(passed(['X-Forwarded-For', '6.6.6.6', 'X-Raworc-Preview', 'x', 'Forwarded', 'for=6.6.6.6']), /6\.6\.6\.6|preview/i);
  const upgrade = inwardHeaders(['Sec-WebSocket-Protocol', 'raworc.ticket.abc, vite-hmr'], INWARD, 'websocket').join('|');
  t.match(upgrade, /Sec-WebSocket-Protocol\|vite-hmr\|.*Connection\|Upgrade\|Upgrade\|websocket$/);
  t.end();
});

t.test('headers for the client', (t) => {
  const at = (isShared: boolean, sent: string[]) => outwardHeaders(sent, { isShared, prefix: '/p', port: 80 });
  const location = (isShared: boolean, to: string) => at(isShared, ['Location', to])[0]?.[1];
  t.equal(location(true, '/a'), '/p/a');
  t.equal(location(true, 'http://localhost:80'), '/p/');
  t.equal(location(true, 'http://127.0.0.1:80?a'), '/p/?a');
  for (const to of ['//evil.test', '/\\evil.test', 'https://elsewhere.test/', 'a/b', 'http://localhost:8080/'])
    t.equal(location(true, to), to);
  t.equal(location(false, 'http://localhost:80/a'), '/a');
  const cookie = (sent: string) => at(false, ['Set-Cookie', sent]).find(([name]) => name === 'Set-Cookie')?.[1];
  t.equal(cookie('a=b; domain = x; Path=/; DOMAIN=y; Domain'), 'a=b; Path=/');
  for (const ours of ['raworc-preview=x', ' __Host-raworc-preview=x', '__host-RAWORC-preview=x']) t.equal(cookie(ours), undefined, ours);
  t.end();
});

t.test('a pass is for one port, and what is not signed here is nothing', (t) => {
  const clock = new HandClock();
  const passes = new PreviewPasses({ clock, random: systemRandom, storeKey: new Uint8Array(32) });
  const session = '00000000-0000-4000-8000-000000000001' as SessionId;
  const proof = { kind: 'token', tokenId: 't', version: 3, accountId: 'a' as AccountId, expiresAtMs: clock.now() + 5000 } as const;
  const pass = { session, port: 80, proof, endsAtMs: clock.now() + 3000 };
  const signed = passes.sign(pass);
  t.same(passes.verify(signed, session, 80), pass);
  t.equal(passes.verify(signed, session, 81), undefined);
  const other = new PreviewPasses({ clock, random: systemRandom, storeKey: new Uint8Array(32).fill(1) });
  t.equal(passes.verify(other.sign(pass), session, 80), undefined);
  for (const forged of ['', '.', 'a.b', `${signed}a`, `${signed.split('.')[0]}.`, 'x'.repeat(5000)])
    t.equal(passes.verify(forged, session, 80), undefined);
  clock.sleep(3000);
  t.equal(passes.verify(signed, session, 80), undefined, 'over');
  const key = { kind: 'api-key', keyId: 'k', accountId: 'a' as AccountId, expiresAtMs: Number.POSITIVE_INFINITY } as const;
  const later = { session, port: 80, proof: key, endsAtMs: clock.now() + 3000 };
  t.same(passes.verify(passes.sign(later), session, 80), later);
  const ticket = passes.issueTicket(later);
  t.equal(passes.redeem(ticket, session, 81), undefined);
  t.same(passes.redeem(ticket, session, 80), later);
  t.equal(passes.redeem(ticket, session, 80), undefined, 'once');
  const late = passes.issueTicket(later);
  clock.sleep(30_000);
  t.equal(passes.redeem(late, session, 80), undefined, 'in time');
  t.end();
});

t.test('an account that fetches tickets without end takes only its own', (t) => {
  const clock = new HandClock();
  const passes = new PreviewPasses({ clock, random: systemRandom, storeKey: new Uint8Array(32) });
  const session = '00000000-0000-4000-8000-000000000001' as SessionId;
  const issued = (account: string) => {
    const proof = { kind: 'api-key', keyId: 'k', accountId: account as AccountId, expiresAtMs: Number.POSITIVE_INFINITY } as const;
    return passes.issueTicket({ session, port: 80, proof, endsAtMs: clock.now() + 3000 });
  };
  const others = issued('b');
  const [first = '', second = ''] = [issued('a'), issued('a')];
  for (let count = 2; count < MAX_PREVIEW_TICKETS.ofAccount + 1; count += 1) issued('a');
  t.equal(passes.redeem(first, session, 80), undefined, 'its oldest went');
  t.match(passes.redeem(second, session, 80), { port: 80 });
  t.match(passes.redeem(others, session, 80), { port: 80 }, 'one of another account did not');
  t.end();
});

t.test('origins', (t) => {
  const listener = { scheme: 'http', port: () => 9000 } as const;
  const session = '00000000-0000-4000-8000-00000000000a' as SessionId;
  const of = (domain: string) => new PreviewOrigins(domain, listener).of({ session, port: 5173 });
  t.equal(of('p.test'), `http://5173-${session}.p.test:9000`);
  t.equal(of('https://P.test'), `https://5173-${session}.p.test`);
  t.equal(of('https://p.test:8443/'), `https://5173-${session}.p.test:8443`);
  t.equal(of('localhost'), `http://5173-${session}.localhost:9000`);
  for (const wrong of ['', '1.2.3.4', 'a b', 'ftp://a.test', 'a..b', '*.a.test', 'a.test/path'])
    t.throws(() => of(wrong), /must be a domain/, wrong);
  const origins = new PreviewOrigins('p.test', listener);
  t.same(origins.find(`5173-${session.toUpperCase()}.P.test:1`), { session, port: 5173 });
  for (const other of [
    'p.test',
    `${session}.p.test`,
    `0-${session}.p.test`,
    `65536-${session}.p.test`,
    `80-${session}.p.test.evil`,
    `80-${session}xp.test`,
    `x.80-${session}.p.test`,
  ])
    t.equal(origins.find(other), undefined, other);
  t.end();
});

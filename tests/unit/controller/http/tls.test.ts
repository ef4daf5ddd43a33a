import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { text } from 'node:stream/consumers';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { parseLimits } from '../../../../controller/services/budget/limits.ts';
import { testDirectory } from '../../../test-directory.ts';
import { filesIn, privateCa, writePair } from './certificates.ts';
import { startRig } from './fakes.ts';

t.setTimeout(120_000);
const ca = await privateCa();

async function newFiles(t: Test) {
  const files = filesIn(testDirectory(t, {}));
  await writePair(files, await ca.issue());
  return files;
}

async function dial(t: Test, port: number, options: ConnectionOptions & { readonly localAddress?: string } = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: ca.pem, ...options });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const ask = (socket: TLSSocket) => socket.write('GET /api/v0/version HTTP/1.1\r\nHost: x\r\n\r\n');

async function hears(socket: TLSSocket): Promise<string> {
  ask(socket);
  const [chunk] = await once(socket, 'data');
  return String(chunk);
}

t.test('given a certificate and key it serves HTTPS, and closes under a request only after its answer', async (t) => {
  const rig = await startRig([], await newFiles(t));
  t.match(rig.server.url, /^https:/);
  const agent = new Agent({ ca: ca.pem, keepAlive: true });
  t.teardown(() => agent.destroy());
  let hsts: string | undefined;
  const get = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${rig.token}` };
      request(`${rig.server.url}/api/v0${path}`, { agent, headers }, (response) => {
        hsts = response.headers['strict-transport-security'];
        resolve(text(response));
      })
        .on('error', reject)
        .end();
    });
  t.match(JSON.parse(await get('/version')), { api: 'v0' });
  t.equal(hsts, 'max-age=31536000', 'browsers come back by HTTPS');
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    Object.assign(rig.fake.services.sessions, {
      list: () => {
        resolve();
        return new Promise((answered) => {
          answer = () => answered({ ok: true, value: { items: [], total: 0 } });
        });
      },
    });
  });
  const late = get('/sessions');
  await asked;
  const closed = rig.server.close();
  answer();
  t.equal(await late, '[]');
  await closed;
});

t.test('a new pair serves new connections, and open ones go on', async (t) => {
  const files = await newFiles(t);
  const rig = await startRig([], files);
  t.teardown(() => rig.server.close(0));
  const old = await dial(t, rig.server.port);
  const before = old.getPeerCertificate().serialNumber;
  const next = await ca.issue();
  await writePair(files, next);
  await rig.certificate?.look();
  const later = await dial(t, rig.server.port, { session: old.getSession() });
  t.equal(later.getPeerCertificate().serialNumber.toLowerCase(), next.serial);
  t.not(before.toLowerCase(), next.serial);
  t.match(await hears(later), /^HTTP\/1\.1 200/);
  t.match(await hears(old), /^HTTP\/1\.1 200/);
  await t.rejects(dial(t, rig.server.port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }));
  t.equal((await dial(t, rig.server.port, { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol, 'http/1.1');
});

t.test('connections that do not finish the handshake evict one another, not a client that does', async (t) => {
  const limits = parseLimits('stranger_connections.at_once.address=3');
  const rig = await startRig([], await newFiles(t), { limits });
  t.teardown(() => rig.server.close(0));
  const client = await dial(t, rig.server.port);
  const authorized = `GET /api/v0/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`;
  client.write(authorized);
  await once(client, 'data');
  const silent = Array.from({ length: 5 }, () => connectPlain(rig.server.port, '127.0.0.1'));
  for (const socket of silent) t.teardown(() => socket.on('error', () => undefined).destroy());
  await Promise.all(silent.slice(0, 2).map((socket) => socket.closed || once(socket, 'close')));
  client.write(authorized);
  const [answer] = await once(client, 'data');
  t.match(String(answer), /^HTTP\/1\.1 200/);
  t.match(await rig.metrics.text(), /raworc_http_connections_cut_total\{reason="too_many_strangers"\} 2/);
});

t.test('a handshake that fails or takes longer than ten seconds is counted, and its connection closed', async (t) => {
  const rig = await startRig([], await newFiles(t));
  t.teardown(() => rig.server.close(0));
  const slow = connectPlain(rig.server.port, '127.0.0.1');
  const plain = connectPlain(rig.server.port, '127.0.0.1');
  plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const distrustful = connect({ host: '127.0.0.1', port: rig.server.port });
  const closed = [slow, plain, distrustful].map(
    (socket) =>
      new Promise((resolve) =>
        socket
          .on('error', () => undefined)
          .once('close', resolve)
          .resume(),
      ),
  );
  await Promise.all(closed);
  const page = await rig.metrics.text();
  for (const cause of ['slow', 'plain_http'])
    t.match(page, new RegExp(`raworc_http_handshakes_failed_total\\{cause="${cause}"\\} 1`), cause);
});

t.test('an address that begins too many handshakes gets none, and others and open connections are not affected', async (t) => {
  const rig = await startRig([], await newFiles(t), { limits: parseLimits('handshakes.address=1/3') });
  t.teardown(() => rig.server.close(0));
  const open = await dial(t, rig.server.port);
  for (let time = 0; time < 2; time += 1) await dial(t, rig.server.port);
  await t.rejects(dial(t, rig.server.port));
  t.match(await hears(open), /^HTTP\/1\.1 200/);
  t.match(await hears(await dial(t, rig.server.port, { localAddress: '127.0.1.9' })), /^HTTP\/1\.1 200/, 'another address');
  rig.clock.forward(1000);
  t.match(await hears(await dial(t, rig.server.port)), /^HTTP\/1\.1 200/, 'a second later');
  t.match(await rig.metrics.text(), /raworc_http_connections_cut_total\{reason="handshakes"\} [1-9]/);
});

t.test('the handshakes of a trusted proxy are not counted', async (t) => {
  const proxies = { proxies: ['127.0.0.0/8'], header: 'x-forwarded-for' } as const;
  const rig = await startRig([], await newFiles(t), { limits: parseLimits('handshakes.address=1/1'), proxies });
  t.teardown(() => rig.server.close(0));
  for (let time = 0; time < 3; time += 1) await dial(t, rig.server.port);
});

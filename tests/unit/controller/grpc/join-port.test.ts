import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { networkOf } from '../../../../controller/domain/access/network.ts';
import { FairAdmission } from '../../../../controller/grpc/fair-admission.ts';
import { JOIN_BYTES, JOIN_PORT, NODE_PORT } from '../../../../controller/grpc/node-server-options.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import { joinWithToken } from '../../../../node-agent/identity/join.ts';
import { joinMethod } from '../../../../proto/node-service.ts';
import { systemClock } from '../../../../seams/system.ts';
import {
  flood,
  http2,
  JOIN_PATH,
  PING,
  PRIORITY,
  rapidReset,
  rawHttp2,
  SETTINGS,
  silentTcp,
  tls,
  unfinishedCall,
  wholeCall,
} from '../../../flood/node-port-attacks.ts';
import { type Rig, shiftedClock, silentLog, startRig } from './wire-rig.ts';

const NODE = '11111111-1111-4111-8111-111111111111';
const MIB = 1024 * 1024;

async function startRigFor(t: Test, changes: Parameters<typeof startRig>[0] = {}): Promise<Rig> {
  const rig = await startRig(changes);
  t.teardown(() => rig.close());
  return rig;
}

const joining = (rig: Rig, name: string) => ({
  ...{ token: rig.token(), nodeName: name, directory: join(rig.directory, name) },
  ...{ clock: systemClock, log: silentLog },
});

/** The honest neighbour: a machine that joins, and connects with what it got. */
async function joins(t: Test, rig: Rig, name = NODE): Promise<void> {
  const identity = await joinWithToken({ ...joining(rig, name), signal: AbortSignal.timeout(15_000) });
  const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
  const link = await dialer.dial(AbortSignal.timeout(15_000));
  t.equal((await rig.nextArrival()).nodeId, name, 'an honest node joins and connects meanwhile');
  link.close();
  dialer.close();
}

const closed = (socket: Socket): Promise<unknown> => (socket.destroyed ? Promise.resolve() : once(socket, 'close'));
const ended = (session: ClientHttp2Session): Promise<unknown> => (session.destroyed ? Promise.resolve() : once(session, 'close'));

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** What is in use once nothing is left to collect. */
function usedBytes(): number {
  if (typeof collect === 'function') collect();
  const { arrayBuffers, external, heapUsed } = process.memoryUsage();
  return arrayBuffers + external + heapUsed;
}

/** What the controller's side of unfinished calls keeps, and how many of them are left. */
async function unfinished(
  t: Test,
  rig: Rig,
  connections: number,
  announced: number,
  sent: number,
): Promise<{ open: number; bytes: number }> {
  const script = fileURLToPath(new URL('join-port-attacker.ts', import.meta.url));
  const numbers = [rig.server.joinPort, connections, announced, sent].map(String);
  const before = usedBytes();
  const attacker = spawn(process.execPath, [script, ...numbers], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => attacker.kill('SIGKILL'));
  const [line] = await once(createInterface(attacker.stdout), 'line');
  const after = usedBytes();
  attacker.kill('SIGKILL');
  await once(attacker, 'exit');
  return { open: Number(line), bytes: after - before };
}

t.test('unfinished calls at the join port keep no more than 16 KiB each, two of a connection', async (t) => {
  const rig = await startRigFor(t);
  await joins(t, rig);
  const small = await unfinished(t, rig, 60, 16 * 1024, 16 * 1024 - 1);
  t.equal(small.open, 120, 'what may still come is waited for');
  t.ok(small.bytes < 20 * MIB, `they keep ${small.bytes} bytes`);
  const large = await unfinished(t, rig, 30, 8 * MIB, MIB);
  t.equal(large.open, 0, 'longer ones are over before they are whole');
  t.ok(large.bytes < 20 * MIB, `they keep ${large.bytes} bytes of 60 MiB`);
  await joins(t, rig, '22222222-2222-4222-8222-222222222222');
});

t.test('a refused call does not prolong a connection: it ends in its time, whatever it asked', async (t) => {
  const rig = await startRigFor(t, { joinBounds: { lifeMs: 400 }, nodeBounds: { lifeMs: 400 }, callMs: 400 });
  const started = systemClock.monotonic();
  const session = http2({ port: rig.server.joinPort });
  t.equal(await wholeCall(session, Buffer.from('no message of ours')), 3);
  t.equal(await wholeCall(session, Buffer.alloc(0), '/raworc.node.v0.NodeProtocol/Connect'), 16);
  t.notOk(session.destroyed, 'it is served until then');
  await ended(session);
  t.ok(systemClock.monotonic() - started >= 390);
});

t.test('connections that say nothing, or never finish TLS, end in their time, at both ports', async (t) => {
  const rig = await startRigFor(t, { joinBounds: { handshakeMs: 300 }, nodeBounds: { handshakeMs: 300 } });
  for (const port of [rig.server.joinPort, rig.server.nodePort]) {
    const silent = [silentTcp({ port }), silentTcp({ port }), silentTcp({ port })];
    silent[0]?.write(Buffer.from([22, 3, 1, 2, 0])); // the beginning of a greeting
    for (const socket of silent) socket.resume();
    await Promise.all(silent.map(closed));
  }
  t.pass('they were ended');
  await joins(t, rig);
});

t.test('who holds connections open, or floods from other addresses, keeps no honest node out', async (t) => {
  const few = { perAddress: 4, inAll: 12 };
  const rig = await startRigFor(t, { joinBounds: few, nodeBounds: few });
  for (const port of [rig.server.joinPort, rig.server.nodePort]) {
    const sockets: Socket[] = [];
    for (let i = 0; i < 40; i += 1) {
      const socket = silentTcp({ port, from: `127.0.1.${1 + (i % 20)}` });
      socket.resume();
      await once(socket, 'connect');
      sockets.push(socket);
    }
    await joins(t, rig, port === rig.server.joinPort ? NODE : '22222222-2222-4222-8222-222222222222');
    const open = sockets.filter(({ destroyed, readyState }) => !destroyed && readyState === 'open').length;
    t.ok(open > 0 && open <= 12, `${open} are left of 40`);
    for (const socket of sockets) socket.destroy();
  }
});

t.test('each address has a pace of its own, and an IPv6 /64 is one address', async (t) => {
  t.equal(networkOf('127.0.1.7'), '127.0.1.7');
  t.equal(networkOf('::ffff:127.0.1.7'), '127.0.1.7');
  t.equal(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:2:ffff:ffff:ffff:ffff'));
  t.not(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:3::1'));
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
  t.equal(networkOf('::1'), '0:0:0:0::/64');

  const slow = { perAddress: { perSecond: 0.001, burst: 6 }, inAll: { perSecond: 0.001, burst: 1000 } };
  const rig = await startRigFor(t, { joinBounds: { rates: slow } });
  let refused = 0;
  for (let i = 0; i < 20; i += 1) {
    const socket = await tls({ port: rig.server.joinPort, from: '127.0.1.1' });
    if (!socket.authorized && socket.getProtocol() === null) refused += 1;
    socket.destroy();
  }
  t.equal(refused, 14);
  await joins(t, rig);
});

t.test('machines that join at once, from one address, wait for one another', async (t) => {
  const rig = await startRigFor(t, {
    joinBounds: { rates: { perAddress: { perSecond: 2, burst: 2 }, inAll: { perSecond: 100, burst: 100 } } },
  });
  const name = (at: number) => `${at}1111111-1111-4111-8111-111111111111`;
  const join = (at: number) => joinWithToken({ ...joining(rig, name(at)), signal: AbortSignal.timeout(60_000) });
  const identities = await Promise.all([1, 2, 3, 4].map(join));
  t.same(
    identities.map((identity) => identity.name),
    [1, 2, 3, 4].map(name),
  );
});

t.test('addresses that flood use up the common pace but for its reserve', (t) => {
  const rates = { perAddress: { perSecond: 100, burst: 100 }, inAll: { perSecond: 1, burst: 40 } };
  const admission = new FairAdmission(rates, { ...shiftedClock(), monotonic: () => 0 });
  let taken = 0;
  for (let i = 0; i < 100; i += 1) if (admission.enter('flooder') === undefined) taken += 1;
  t.equal(taken, 20, 'half, since it was there too often to take of the reserve');
  for (let i = 0; i < 20; i += 1) t.equal(admission.enter(`newcomer ${i}`), undefined);
  t.equal(admission.enter('one too many'), 'all');
  t.equal(admission.enter('a known node', true), undefined, 'one that is trusted is not held to it');
  t.end();
});

t.test('floods of HTTP/2 frames, and calls reset at once, end the connection within its bounds', async (t) => {
  const rig = await startRigFor(t);
  const target = { port: rig.server.joinPort };
  const most = 64 * MIB;
  for (const [name, one] of Object.entries({ SETTINGS, PING, PRIORITY, unknown: Buffer.from([0, 0, 0, 99, 0, 0, 0, 0, 0]) })) {
    const socket = await rawHttp2(target);
    const sent = await flood(socket, one, most);
    t.ok(sent < most, `${name}: cut after ${sent} bytes`);
  }
  const opened = await rapidReset(await rawHttp2(target), 10_000_000);
  t.ok(opened < 1_000_000, `cut after ${opened} calls`);
  const answered = http2(target);
  let calls = 0;
  while ((await wholeCall(answered, Buffer.from('rubbish'))) !== undefined) calls += 1;
  t.equal(calls, 8, 'and a connection is good for eight calls');
  await joins(t, rig);
});

t.test('what is no whole, uncompressed message of 16 KiB is refused, and so are headers without end', async (t) => {
  const rig = await startRigFor(t);
  const target = { port: rig.server.joinPort };
  const session = http2(target);
  t.equal(await wholeCall(session, Buffer.alloc(16 * 1024 + 1)), 8);
  const stream = session.request({ ':method': 'POST', ':path': JOIN_PATH, 'content-type': 'application/grpc' });
  const [headers] = await Promise.all([once(stream, 'response'), Promise.resolve(stream.end(Buffer.from([1, 0, 0, 0, 0])))]);
  t.equal(headers[0]['grpc-status'], '3', 'compressed');
  const wrong = session.request({ ':method': 'GET', ':path': '/' });
  const [other] = await once(wrong, 'response');
  t.equal(other[':status'], 415);
  session.destroy();

  const bomb = http2(target);
  await once(bomb, 'remoteSettings');
  t.equal(bomb.remoteSettings.maxHeaderListSize, 8192);
  const large = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, 'a'.repeat(1000)]));
  const request = bomb.request({ ':method': 'POST', ':path': JOIN_PATH, 'content-type': 'application/grpc', ...large });
  const answers: unknown[] = [];
  request.on('response', (answer) => answers.push(answer[':status']));
  await new Promise<void>((resolve) => request.on('error', () => undefined).once('close', () => resolve()));
  t.notMatch(answers, [200]);
  bomb.destroy();
  await joins(t, rig);
});

t.test('TLS 1.1 is refused at both ports, and 1.2 is not', async (t) => {
  const rig = await startRigFor(t);
  const identity = await rig.node(NODE);
  const version = (port: number, tlsVersion: 'TLSv1.1' | 'TLSv1.2') =>
    new Promise<string>((resolve) => {
      const own = { key: identity.keyPem, cert: identity.certificatePem, rejectUnauthorized: false, ALPNProtocols: ['h2'] };
      const socket = connectTls({
        host: '127.0.0.1',
        port,
        ...own,
        minVersion: tlsVersion,
        maxVersion: tlsVersion,
        ciphers: 'ALL:@SECLEVEL=0',
      });
      socket.once('secureConnect', () => {
        resolve(socket.getProtocol() ?? '');
        socket.destroy();
      });
      socket.once('error', () => resolve('refused'));
    });
  for (const port of [rig.server.joinPort, rig.server.nodePort]) {
    t.equal(await version(port, 'TLSv1.1'), 'refused');
    t.equal(await version(port, 'TLSv1.2'), 'TLSv1.2');
  }
});

t.test('a node that leaves calls unfinished, or opens connections without end, loses them', async (t) => {
  const rig = await startRigFor(t, { callMs: 300, streams: { accept: () => undefined, openTo: () => 0 } });
  const identity = await rig.node(NODE);
  const own = { key: identity.keyPem, cert: identity.certificatePem };
  const session = async () => {
    const socket = await tls({ port: rig.server.nodePort }, own);
    const made = connectHttp2('https://127.0.0.1', { createConnection: () => socket });
    made.on('error', () => undefined);
    await once(made, 'remoteSettings');
    return made;
  };
  const slow = await session();
  await unfinishedCall(slow, 8 * MIB, MIB, '/raworc.node.v0.NodeProtocol/Renew');
  await ended(slow);
  t.pass('a call that is not finished in its time ends the connection');

  const many = await Promise.all([session(), session(), session()]);
  const calls = many.flatMap((one) => [1, 2, 3].map(() => unfinishedCall(one, 8 * MIB, 10, '/raworc.node.v0.NodeProtocol/Connect')));
  await Promise.race(calls);
  await Promise.race(many.map(ended));
  t.equal(many.filter(({ destroyed }) => destroyed).length, 1, 'the ninth call at once ends the connection that it came over');
  for (const one of many) one.destroy();

  const streams = await session();
  const cut = ended(streams);
  for (let at = 0; at < 17; at += 1) void unfinishedCall(streams, 8 * MIB, 10, '/raworc.node.v0.NodeProtocol/ByteStream');
  await cut;
  t.pass('so does the seventeenth byte stream that nobody asked for');
});

t.test('no honest client meets the bounds', (t) => {
  const message = { tokenId: 'a'.repeat(36), tokenSecret: 'b'.repeat(64), csrDer: Buffer.alloc(1024), nodeName: 'c'.repeat(63) };
  t.ok(joinMethod.requestSerialize(message).byteLength * 8 < JOIN_BYTES);
  for (const { rates, perAddress, inAll } of [JOIN_PORT, NODE_PORT]) {
    t.ok(rates.perAddress.burst >= 100 && rates.inAll.burst > rates.perAddress.burst && inAll > perAddress);
  }
  t.end();
});

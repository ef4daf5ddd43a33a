import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { parseLimits } from '../../../../controller/services/budget/limits.ts';
import { json, type Rig, type RigOptions, startRig } from './fakes.ts';

const MIB = 1024 * 1024;

async function rigWith(t: Test, limits: string, more: RigOptions = {}): Promise<Rig> {
  const rig = await startRig([], undefined, { limits: parseLimits(limits), ...more });
  t.teardown(() => rig.server.close(0));
  return rig;
}

/** A connection of a stranger, from an address of its own. */
async function open(t: Test, rig: Rig, localAddress = '127.0.1.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: rig.server.port, localAddress });
  socket.on('error', () => undefined);
  t.teardown(async () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const untilClosed = (socket: Socket) => (socket.closed ? Promise.resolve() : once(socket, 'close'));
const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** All that comes until the connection has nothing more to say for this request. */
async function answerOn(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.includes('\r\n\r\n') && text.endsWith('}')) break;
  }
  return text;
}

const headOf = (path: string, length: number, more = '') =>
  `POST /api/v0${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`;

t.test('a body without credentials is small, and comes soon; with credentials it may be large', async (t) => {
  const rig = await rigWith(t, '');
  const { budgets } = rig.streams;
  const large = await open(t, rig);
  large.write(headOf('/auth/login', 900_000));
  t.match(await answerOn(large), /^HTTP\/1\.1 413[\s\S]*larger than 16 KiB/, 'refused before any of it has come');

  const unfinished = await Promise.all(Array.from({ length: 60 }, () => open(t, rig)));
  for (const socket of unfinished) socket.write(`${headOf('/auth/login', 16_000)}${'x'.repeat(15_000)}`);
  await until(() => budgets.held('stranger_body_bytes') === 60 * 15_000);
  rig.clock.forward(10_000);
  const answers = await Promise.all(unfinished.map(answerOn));
  t.ok(answers.every((answer) => /^HTTP\/1\.1 400[\s\S]*did not arrive within 10 s/.test(answer)));
  t.equal(budgets.held('stranger_body_bytes'), 0, 'nothing of it is held');

  const content = 'x'.repeat(900_000);
  const own = await rig.call('/sessions/22222222-2222-4222-8222-222222222222/messages', json({ content }));
  t.equal(own.status, 201);
  t.equal(budgets.held('body_bytes'), 0);
});

t.test('a body that is cut off is no fault, also where its answer waits behind another one of the connection', async (t) => {
  const rig = await rigWith(t, '');
  for (const first of ['', `GET /api/v0/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`]) {
    const socket = await open(t, rig);
    socket.write(`${first}${headOf('/auth/login', 16_000)}${'x'.repeat(15_000)}`);
    await until(() => rig.streams.budgets.held('stranger_body_bytes') === 15_000);
    const before = rig.logged.length;
    socket.destroy();
    const ends = () => rig.logged.slice(before).filter((line) => /^http\.(cut|fault)/.test(line));
    await until(() => ends().length > 0);
    t.match(ends(), [/^http\.cut/], first === '' ? 'alone' : 'behind a stream');
  }
});

t.test('the bodies of one address have a bound, and other addresses their own', async (t) => {
  const rig = await rigWith(t, 'stranger_body_bytes.at_once.address=40000');
  const sockets = [await open(t, rig), await open(t, rig)];
  for (const socket of sockets) socket.write(`${headOf('/auth/login', 16_000)}${'x'.repeat(15_000)}`);
  await until(() => rig.streams.budgets.held('stranger_body_bytes') === 30_000);
  const third = await open(t, rig);
  third.write(`${headOf('/auth/login', 16_000)}${'x'.repeat(15_000)}`);
  t.match(await answerOn(third), /^HTTP\/1\.1 429[\s\S]*"budget":"stranger_body_bytes","scope":"address"/);
  t.equal((await rig.call('/auth/login', json({ user: 'admin', pass: 'correct horse' }))).status, 200, 'another address logs in');
  for (const socket of sockets) socket.destroy();
  await until(() => rig.streams.budgets.held('stranger_body_bytes') === 0);
});

t.test('connections of strangers make room for newer ones, and those of callers stay', async (t) => {
  const rig = await rigWith(t, 'stranger_connections.at_once.process=50, stranger_connections.at_once.address=20');
  const caller = await open(t, rig);
  caller.write(`GET /api/v0/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`);
  t.match(await answerOn(caller), /^HTTP\/1\.1 200/);
  t.equal(rig.streams.budgets.held('connections'), 1);

  const ofOne: Socket[] = [];
  for (let index = 0; index < 60; index += 1) ofOne.push(await open(t, rig));
  await Promise.all(ofOne.slice(0, 40).map(untilClosed));
  t.equal(ofOne.filter(({ closed }) => !closed).length, 20, 'an address holds twenty, its newest');
  const ofOthers: Socket[] = [];
  for (let index = 0; index < 40; index += 1) ofOthers.push(await open(t, rig, `127.0.1.${2 + (index % 4)}`));
  await until(() => [...ofOne, ...ofOthers].filter(({ closed }) => !closed).length === 50);
  t.equal((await rig.call('/version')).status, 200, 'a newcomer is answered');
  t.notOk(caller.closed, 'the caller is still connected, though its connection is the oldest');
  caller.write(`GET /api/v0/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`);
  t.match(await answerOn(caller), /^HTTP\/1\.1 200/);
  caller.destroy();
  await until(() => rig.streams.budgets.held('connections') <= 1);
});

t.test('behind a trusted proxy, clients are counted by what it names, and its own connections are not cut', async (t) => {
  const limits = 'strangers.address=1/5, stranger_connections.at_once.address=5';
  const rig = await rigWith(t, limits, { proxies: { proxies: ['127.0.1.0/24'], header: 'x-forwarded-for' } });
  const proxied = await Promise.all(Array.from({ length: 20 }, () => open(t, rig)));
  const ask = async (socket: Socket, client: string) => {
    socket.write(`GET /api/v0/version HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9, ${client}\r\n\r\n`);
    return (await answerOn(socket)).slice(9, 12);
  };
  const statuses: string[] = [];
  for (const socket of proxied.slice(0, 10)) statuses.push(await ask(socket, '203.0.113.9'));
  t.same(statuses, [...Array(5).fill('200'), ...Array(5).fill('429')]);
  t.equal(await ask(proxied[10] as Socket, '203.0.113.10'), '200', 'the next client has a budget of its own');
  t.ok(proxied.every(({ closed }) => !closed));
});

t.test('answers that are not read are counted, and are cut when their client takes nothing', async (t) => {
  const rig = await rigWith(t, `stranger_answer_bytes.at_once.address=${8 * MIB}`);
  const { budgets } = rig.streams;
  const stuck = await Promise.all(Array.from({ length: 12 }, () => open(t, rig)));
  for (const socket of stuck) {
    socket.pause();
    // More than the system takes for a connection that is not read.
    socket.write('GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(8));
  }
  await until(() => budgets.held('stranger_answer_bytes') > 0 && rig.clock.timers > 0);
  t.ok(budgets.held('stranger_answer_bytes') <= 8 * MIB);
  const other = await fetch(`${rig.server.url}/docs/swagger-ui-bundle.js`);
  t.equal(other.status, 200, 'another address reads it');
  t.ok((await other.arrayBuffer()).byteLength > MIB);
  // Where one is cut, the next takes its room.
  await until(() => {
    rig.clock.forward(30_000);
    return budgets.held('stranger_answer_bytes') === 0 && rig.clock.timers === 0;
  });
});

t.test('streams that wait behind another answer of their connection are released when it closes', async (t) => {
  const rig = await rigWith(t, '');
  const { budgets } = rig.streams;
  const socket = await open(t, rig);
  const request = `GET /api/v0/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`;
  socket.write(request.repeat(5));
  await until(() => budgets.held('streams') === 5);
  socket.destroy();
  await until(() => budgets.held('streams') === 0 && rig.streams.size === 0 && budgets.held('requests') === 0);
  t.equal(rig.clock.timers, 0);
});

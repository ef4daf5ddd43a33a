/** Processes, files and ports of sandboxes over the protocols of E2B. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { encodeMessage } from '../../controller/e2b/connect/envelope.ts';
import { openTarget, type Target } from './target.ts';

/** How long the rest of a message can take after its answer. */
const LINGER_MS = 1000;

let target: Target;
let url: string;
let id: string;
let token: string;

t.before(async () => {
  target = await openTarget(t, { e2b: true });
  if (target.e2b === undefined) return;
  url = target.e2b;
  await target.rest.call('PATCH', '/spaces/default', { settings: { profiles: ['locked', 'workstation'] } });
  ({ id, token } = await created());
});

async function created(): Promise<{ id: string; token: string; key: string }> {
  const key = ((await target.rest.call('POST', '/api-keys', { name: 'k' })).body as { e2b_key: string }).e2b_key;
  const response = await fetch(`${url}/v2/sandboxes`, {
    ...{ method: 'POST', headers: { 'x-api-key': key }, body: JSON.stringify({ templateID: 'base', envVars: { A: 'b' } }) },
  });
  const body = (await response.json()) as { sandboxID: string; envdAccessToken: string };
  return { id: body.sandboxID, token: body.envdAccessToken, key };
}

const headers = (more: Record<string, string> = {}) => ({ 'e2b-sandbox-id': id, 'x-access-token': token, ...more });
const basic = (user: string) => ({ authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` });

async function unary(path: string, message: object, more: Record<string, string> = {}) {
  const response = await fetch(`${url}/${path}`, {
    ...{ method: 'POST', headers: headers({ 'content-type': 'application/json', ...more }), body: JSON.stringify(message) },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

interface Frame {
  readonly isLast: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into messages of any shape
  readonly message: any;
}

async function* stream(path: string, message: object, more: Record<string, string> = {}): AsyncGenerator<Frame> {
  const response = await fetch(`${url}/${path}`, {
    ...{ method: 'POST', headers: headers({ 'content-type': 'application/connect+json', ...more }), body: encodeMessage(message) },
  });
  yield* framesOf(response);
}

async function* framesOf(response: Response): AsyncGenerator<Frame> {
  t.equal(response.status, 200, 'errors are in the last frame');
  let held = Buffer.alloc(0);
  for await (const chunk of response.body ?? []) {
    held = Buffer.concat([held, chunk as Uint8Array]);
    while (held.byteLength >= 5 && held.byteLength >= 5 + held.readUInt32BE(1)) {
      const end = 5 + held.readUInt32BE(1);
      yield { isLast: held[0] === 2, message: JSON.parse(held.subarray(5, end).toString()) };
      held = held.subarray(end);
    }
  }
}

const cat = { process: { cmd: '/bin/bash', args: ['-l', '-c', 'cat'] }, stdin: true };
const input = (pid: number, text: string) => ({ process: { pid }, input: { stdin: Buffer.from(text).toString('base64') } });

t.test('a process is started, listed, written to and followed to its end', async (t) => {
  const frames = stream('process.Process/Start', { ...cat, tag: 'mine' });
  const first = (await frames.next()).value as Frame;
  const { pid } = first.message.event.start;
  t.match(await unary('process.Process/List', {}), {
    body: { processes: [{ pid, tag: 'mine', config: { cmd: '/bin/bash', args: ['-l', '-c', 'cat'] } }] },
  });
  t.match(await unary('process.Process/SendInput', input(pid, 'hello\n')), { status: 200, body: {} });
  t.match((await frames.next()).value, { message: { event: { data: { stdout: Buffer.from('hello\n').toString('base64') } } } });
  await unary('process.Process/SendInput', { ...input(pid, 'exit\n'), process: { tag: 'mine' } });
  await frames.next();
  t.match((await frames.next()).value, {
    isLast: false,
    message: { event: { end: { exitCode: 0, exited: true, status: 'exit status 0' } } },
  });
  t.same((await frames.next()).value, { isLast: true, message: {} });
  t.same((await unary('process.Process/List', {})).body, { processes: [] });
});

t.test('a process outlives its client, takes input of others, and ends by a signal', async (t) => {
  const frames = stream('process.Process/Start', cat);
  const { pid } = ((await frames.next()).value as Frame).message.event.start;
  await frames.return(undefined);
  const again = stream('process.Process/Connect', { process: { pid } });
  t.match((await again.next()).value, { message: { event: { start: { pid } } } });
  await unary('process.Process/SendInput', input(pid, 'hi\n'));
  t.match((await again.next()).value, { message: { event: { data: { stdout: 'aGkK' } } } });
  t.match(await unary('process.Process/SendSignal', { process: { pid }, signal: 'SIGNAL_SIGKILL' }), { status: 200 });
  t.match((await again.next()).value, { message: { event: { end: { exitCode: -1, exited: false, status: 'signal: killed' } } } });
  t.match(await unary('process.Process/SendSignal', { process: { pid }, signal: 'SIGNAL_SIGKILL' }), {
    status: 404,
    body: { code: 'not_found' },
  });
  t.match(await unary('process.Process/SendInput', input(4_000_000, 'x')), { status: 404, body: { code: 'not_found' } });
});

/** Streams messages to a call, as long as the caller writes them. Returns the frames of the answer. */
function streaming(path: string): { send(message: object): Promise<void>; end(): Promise<Frame[]> } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const answered = fetch(`${url}/${path}`, {
    ...{ method: 'POST', headers: headers({ 'content-type': 'application/connect+json' }), body: readable, duplex: 'half' },
  } as RequestInit);
  return {
    send: (message) => writer.write(encodeMessage(message)),
    async end() {
      await writer.close();
      const frames: Frame[] = [];
      for await (const frame of framesOf(await answered)) frames.push(frame);
      return frames;
    },
  };
}

t.test('input is streamed to a process, whether a client follows it or not', async (t) => {
  const frames = stream('process.Process/Start', cat);
  const { pid } = ((await frames.next()).value as Frame).message.event.start;
  const data = (text: string, kind = 'stdin') => ({ data: { input: { [kind]: Buffer.from(text).toString('base64') } } });
  const typed = streaming('process.Process/StreamInput');
  await typed.send({ start: { process: { pid } } });
  for (const [text, kind] of [
    ['one\n', 'stdin'],
    ['two\n', 'pty'],
  ] as const) {
    await typed.send({ keepalive: {} });
    await typed.send(data(text, kind));
    t.match((await frames.next()).value, { message: { event: { data: { stdout: Buffer.from(text).toString('base64') } } } });
  }
  t.same(await typed.end(), [
    { isLast: false, message: {} },
    { isLast: true, message: {} },
  ]);
  await frames.return(undefined);

  const alone = streaming('process.Process/StreamInput');
  await alone.send({ start: { process: { pid } } });
  await alone.send(data('exit\n'));
  t.same((await alone.end()).at(-1), { isLast: true, message: {} });
  t.same((await unary('process.Process/List', {})).body, { processes: [] }, 'it has ended');

  const code = async (...messages: object[]) => {
    const wrong = streaming('process.Process/StreamInput');
    for (const message of messages) await wrong.send(message);
    return (await wrong.end()).at(-1)?.message.error?.code;
  };
  t.equal(await code({ start: { process: { pid } } }, data('x')), 'not_found');
  t.equal(await code({ start: { process: { tag: 'none' } } }), 'not_found');
  t.equal(await code(data('x')), 'invalid_argument');
  t.equal(await code(), 'invalid_argument');
});

t.test('a process is killed when its time is over', async (t) => {
  const seen: Frame[] = [];
  for await (const frame of stream('process.Process/Start', cat, { 'connect-timeout-ms': '200' })) seen.push(frame);
  t.match(seen.at(-1), { isLast: true, message: { error: { code: 'deadline_exceeded' } } });
  t.same((await unary('process.Process/List', {})).body, { processes: [] });
});

t.test('what cannot be done says why, as the protocol says it', async (t) => {
  const last = async (message: object, more: Record<string, string> = {}) => {
    for await (const frame of stream('process.Process/Start', message, more)) if (frame.isLast) return frame.message.error?.code;
    return 'none';
  };
  t.equal(await last(cat, basic('nobody')), 'unauthenticated');
  t.equal(await last({ process: {} }), 'invalid_argument');
  t.equal(await last({ process: { cmd: '/bin/bash', args: ['nowhere'] } }), 'invalid_argument');
  t.match(await unary('process.Process/Nothing', {}), { status: 501, body: { code: 'unimplemented' } });
  t.match(await unary('filesystem.Filesystem/Stat', { path: '/none' }), { status: 404, body: { code: 'not_found', message: String } });
  t.match(await unary('filesystem.Filesystem/Stat', { path: 1 }), { status: 400, body: { code: 'invalid_argument' } });
  t.match(await unary('filesystem.Filesystem/GetWatcherEvents', { watcherId: 'x' }), { status: 404 });
  t.match(await unary('process.Process/List', {}, { 'x-access-token': 'wrong' }), { status: 401 });
});

const files = (query: string, init: RequestInit = {}, more: Record<string, string> = {}) =>
  fetch(`${url}/files?${query}`, { ...init, headers: headers(more) });

t.test('an upload that is not what it says is refused, whether it is read or not', async (t) => {
  const packed = { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' };
  for (const path of ['bad', 'a/full', '%00']) {
    const answer = await files(`path=${path}`, { method: 'POST', body: 'this is no gzip at all' }, packed);
    t.match([answer.status, await answer.json()], [400, { code: 400, message: String }], path);
  }
  t.equal((await files('path=%00')).status, 400);
  t.equal((await fetch(`${url}/health`, { headers: headers() })).status, 204, 'the controller goes on');
});

t.test('files are uploaded in both forms, read, listed, moved and removed', async (t) => {
  const form = new FormData();
  form.append('file', new Blob(['one']), 'deep/er/1.txt');
  form.append('file', new Blob(['two']), '/abs/2.txt');
  const many = await files('', { method: 'POST', body: form });
  t.same(
    [many.status, await many.json()],
    [
      200,
      [
        { name: '1.txt', path: '/home/user/deep/er/1.txt', type: 'file' },
        { name: '2.txt', path: '/abs/2.txt', type: 'file' },
      ],
    ],
  );
  const plain = await files('path=~/3.bin', { method: 'POST', body: 'three' }, { 'content-type': 'application/octet-stream' });
  t.same(await plain.json(), [{ name: '3.bin', path: '/home/user/3.bin', type: 'file' }]);
  const read = await files('path=3.bin');
  t.same([read.status, read.headers.get('content-length'), await read.text()], [200, '5', 'three']);
  t.match(await unary('filesystem.Filesystem/Stat', { path: '/abs/2.txt' }), {
    body: { entry: { name: '2.txt', type: 'FILE_TYPE_FILE', size: 3, mode: 0o644, permissions: '-rw-r--r--' } },
  });
  t.match(await unary('filesystem.Filesystem/MakeDir', { path: '/abs' }), { status: 409, body: { code: 'already_exists' } });
  t.match(await unary('filesystem.Filesystem/ListDir', { path: '/abs/2.txt' }), { status: 400, body: { code: 'invalid_argument' } });
  t.match(await unary('filesystem.Filesystem/Move', { source: '/abs/2.txt', destination: '/abs/x/4.txt' }), {
    body: { entry: { path: '/abs/x/4.txt' } },
  });
  t.match(await unary('filesystem.Filesystem/Remove', { path: '/abs/x' }), { status: 200 });
  t.match(await unary('filesystem.Filesystem/Remove', { path: '/abs/x' }), { status: 200 }, 'what is not there is removed');
  t.equal((await files('path=none')).status, 404);
  t.equal((await files('path=/abs')).status, 400, 'a directory');
  t.equal((await files('path=x', { method: 'POST', body: 'x' }, { 'content-type': 'text/plain' })).status, 400);
});

t.test('a program on a port is reached by header and by host, also by a stranger', async (t) => {
  const program = createServer((req, res) => {
    const secrets = ['e2b-sandbox-id', 'x-api-key', 'x-access-token', 'authorization'].map((name) => req.headers[name] ?? 'none');
    res.setHeader('x-seen', secrets.join(' '));
    req.pipe(res);
  });
  await once(program.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => program.close());
  const { port } = program.address() as AddressInfo;
  const response = await fetch(`${url}/any?x=1`, {
    method: 'POST',
    body: 'echo',
    headers: headers({ 'e2b-sandbox-port': String(port), authorization: `Bearer e2b_${'0'.repeat(64)}` }),
  });
  t.same([response.status, await response.text(), response.headers.get('x-seen')], [200, 'echo', 'none none none none']);
  const own = await fetch(url, { headers: { 'e2b-sandbox-id': id, 'e2b-sandbox-port': String(port), authorization: 'Basic own' } });
  t.equal(own.headers.get('x-seen'), 'none none none Basic own');
  program.close();
  program.closeAllConnections();
  const closed = await fetch(url, { headers: { 'e2b-sandbox-id': id, 'e2b-sandbox-port': String(port) } });
  t.match([closed.status, await closed.json()], [502, { sandboxId: id, port, code: 502 }]);
});

t.test('an upgrade with an address that is none is refused, and harms nobody', async (t) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('GET // HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  t.match((await buffer(socket)).toString(), /^HTTP\/1\.1 404 /);
  t.equal((await fetch(`${url}/health`, { headers: { 'e2b-sandbox-id': id } })).status, 204);
});

t.test('a message that ends after its answer leaves the connection to the next request, and one that never ends does not', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const refusedEarly = async (isEnded: boolean) => {
    const asked = request(`${url}/process.Process/StreamInput`, {
      ...{ method: 'POST', agent, headers: headers({ 'content-type': 'application/connect+json' }) },
    });
    asked.on('error', () => undefined);
    asked.write(encodeMessage({ start: { process: { pid: 4_000_000 } } }));
    const [answer] = await once(asked, 'response');
    await buffer(answer);
    if (isEnded) asked.end();
    return asked.socket;
  };
  const socket = await refusedEarly(true);
  await setTimeout(LINGER_MS + 300);
  const next = request(`${url}/health`, { agent, headers: { 'e2b-sandbox-id': id } });
  next.end();
  const [answer] = await once(next, 'response');
  t.equal(answer.statusCode, 204);
  t.equal(next.socket, socket, 'it came on the same connection');
  answer.resume();
  await once(answer, 'end');

  const endless = await refusedEarly(false);
  if (endless !== null && !endless.closed) await once(endless, 'close');
});

t.test('a sandbox that is paused or killed cuts its open streams, without an end', async (t) => {
  const other = await created();
  const frames = stream('process.Process/Start', cat, { 'e2b-sandbox-id': other.id, 'x-access-token': other.token });
  t.match((await frames.next()).value, { message: { event: { start: {} } } });
  const cut = t.rejects(frames.next());
  t.equal((await fetch(`${url}/sandboxes/${other.id}/pause`, { method: 'POST', headers: { 'x-api-key': other.key } })).status, 204);
  await cut;
  const health = await fetch(`${url}/health`, { headers: { 'e2b-sandbox-id': other.id } });
  t.equal(health.status, 502);
  await fetch(`${url}/sandboxes/${other.id}`, { method: 'DELETE', headers: { 'x-api-key': other.key } });
});

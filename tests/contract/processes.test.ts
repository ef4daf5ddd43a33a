/** Processes that sessions keep, over REST, WebSockets and the SDK. */
import { once } from 'node:events';
import t from 'tap';
import { WebSocket } from 'ws';
import { type Process, type ProcessPart, Raworc } from '../../sdk/raworc.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
let id: string;
let raworc: Raworc;

t.before(async () => {
  target = await openTarget(t);
  ({ id } = await target.rest.createSession());
  raworc = new Raworc({ url: target.url, login: { user: 'admin', pass: target.password } });
});

/** The URL of an attachment. */
const urlOf = (process: Process, query = 'offset=0') =>
  `${target.url.replace(/^http/, 'ws')}/api/v0/sessions/${id}/processes/${process.id}/attach?${query}`;
const ticket = async () => (await raworc.tickets.create({ for: 'attach', session: id })).ticket;

/** The status of an attachment that is refused, or 101. */
async function statusOf(url: string, protocols: readonly string[] = [], headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(url, [...protocols], { headers });
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.once('unexpected-response', (_request, { statusCode = 0 }) => {
      socket.terminate();
      resolve(statusCode);
    });
  });
}

const outputOf = (parts: readonly ProcessPart[]): string =>
  parts.map((part) => ('bytes' in part ? Buffer.from(part.bytes).toString() : '')).join('');

async function untilExit(attachment: AsyncIterable<ProcessPart>): Promise<readonly ProcessPart[]> {
  const parts: ProcessPart[] = [];
  for await (const part of attachment) parts.push(part);
  return parts;
}

t.test('a process is started, attached to twice, and its end said to each', async (t) => {
  const process = await raworc.processes.start(id, { argv: ['cat'], pty: { cols: 80, rows: 24 } });
  t.match(process, { command: 'cat', running: true, pty: { cols: 80 }, exit_code: null, attached: 0 });
  const both = [raworc.attach(id, process, { offset: 0 }), raworc.attach(id, process, { offset: 0 })];
  const read = both.map(untilExit);
  both[0]?.write('typed ');
  both[0]?.resize(100, 40);
  both[0]?.write('exit\n');
  for (const parts of await Promise.all(read)) {
    t.equal(outputOf(parts), 'typed exit\n');
    t.match(parts.at(-1), { kind: 'exit', exitCode: 0, signal: null });
  }
  t.match(await raworc.processes.get(id, String(process.id)), {
    running: false,
    exit_code: 0,
    pty: { cols: 100, rows: 40 },
    output_bytes: 11,
  });
  t.equal(outputOf(await untilExit(raworc.attach(id, process, { offset: 6 }))), 'exit\n');
  await raworc.processes.remove(id, String(process.id));
  await t.rejects(untilExit(raworc.attach(id, process)), /no process/);
});

t.test('an attachment needs an Authorization header, or a ticket of its session, once', async (t) => {
  const process = await raworc.processes.start(id, { argv: ['cat'] });
  const url = urlOf(process);
  const { token } = (await target.rest.call('POST', '/auth/login', { user: 'admin', pass: target.password })).body as { token: string };
  t.equal(await statusOf(url), 401);
  t.equal(await statusOf(url, [], { authorization: `Bearer ${token}` }), 101);
  const once = await ticket();
  t.equal(await statusOf(url, ['raworc.v0', `raworc.ticket.${once}`]), 101);
  t.equal(await statusOf(url, ['raworc.v0', `raworc.ticket.${once}`]), 401);
  const { id: other } = await target.rest.createSession();
  t.equal(await statusOf(url.replace(id, other), ['raworc.v0', `raworc.ticket.${await ticket()}`]), 401);
  t.equal(await statusOf(url, [], { authorization: `Bearer ${token}`, origin: 'https://evil.example' }), 403);
  t.equal(await statusOf(urlOf({ ...process, id: 9999 }), [], { authorization: `Bearer ${token}` }), 404);
  t.equal(await statusOf(urlOf(process, `started_at=${process.started_at_ms + 1}`), [], { authorization: `Bearer ${token}` }), 404);
  t.equal(await statusOf(urlOf(process, 'offset=-1'), [], { authorization: `Bearer ${token}` }), 400);
});

t.test('a WebSocket says what it does not understand, signals, and closes with the reason', async (t) => {
  const process = await raworc.processes.start(id, { argv: ['cat'] });
  const socket = new WebSocket(urlOf(process), ['raworc.v0', `raworc.ticket.${await ticket()}`]);
  const said: string[] = [];
  socket.on('message', (data, isBinary) => said.push(isBinary ? `binary ${data}` : String(data)));
  await once(socket, 'open');
  t.equal(socket.protocol, 'raworc.v0');
  socket.send('nonsense');
  socket.send(Buffer.from('in'));
  socket.send(JSON.stringify({ type: 'signal', signal: 'TERM' }));
  const [code] = await once(socket, 'close');
  t.equal(code, 1000);
  t.match(said[0], /"type":"attached","offset":0/);
  t.match(said.slice(1).sort(), [/^binary .in$/, /BAD_REQUEST/, /"type":"exit","exit_code":null,"signal":"SIGTERM"/]);
});

t.test('what a client sends before it closes arrives', async (t) => {
  const process = await raworc.processes.start(id, { argv: ['cat'] });
  const socket = new WebSocket(urlOf(process), ['raworc.v0', `raworc.ticket.${await ticket()}`]);
  await once(socket, 'open');
  for (let part = 0; part < 20; part++) socket.send(Buffer.from(`part ${part}\n`));
  socket.close();
  await once(socket, 'close');
  const attachment = raworc.attach(id, process, { offset: 0 });
  attachment.write('exit\n');
  const output = outputOf(await untilExit(attachment));
  t.equal(output, `${Array.from({ length: 20 }, (_, part) => `part ${part}\n`).join('')}exit\n`);
});

t.test('the attachments of a caller whose credentials end are closed', async (t) => {
  const process = await raworc.processes.start(id, { argv: ['cat'] });
  const { token } = (await target.rest.call('POST', '/auth/login', { user: 'admin', pass: target.password })).body as { token: string };
  const socket = new WebSocket(urlOf(process), [], { headers: { authorization: `Bearer ${token}` } });
  await once(socket, 'message');
  const closed = once(socket, 'close');
  await fetch(`${target.url}/api/v0/auth/logout`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  t.equal((await closed)[0], 1008);
  t.match(await raworc.processes.get(id, String(process.id)), { running: true });
});

t.test('the list shows processes; a suspended session has none, and is not woken for it', async (t) => {
  const all = await raworc.processes.list(id);
  t.ok(all.length >= 2);
  const { id: other } = await target.rest.createSession();
  await target.rest.call('POST', `/sessions/${other}/suspend`);
  t.same(await raworc.processes.list(other), []);
  await t.rejects(raworc.processes.start(id, { argv: ['nowhere'] }), { status: 422, message: /not started\. There is no program nowhere/ });
  await t.rejects(raworc.processes.start(id, { argv: ['cat'], user: 'root' }), /workstation/);
  await t.rejects(raworc.processes.resize(id, String(all.at(-1)?.id), { cols: 1, rows: 1 }), { status: 409, message: /no terminal/ });
  t.match(await raworc.processes.start(other, { argv: ['cat'] }), { running: true }, 'a start wakes it');
});

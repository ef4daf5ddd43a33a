/** Attachments to processes, whose connections a pretended server cuts as the test says. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Process, ProcessPart } from '../../../sdk/raworc.ts';
import { SdkWorld } from './world.ts';

const PROCESS = { id: 7, started_at_ms: 1000 } as Process;

interface Connection {
  readonly socket: WebSocket;
  readonly offset: string | null;
  /** What the client sent. */
  readonly got: string[];
  say(value: object): void;
  print(text: string): void;
}

type Serve = (connection: Connection) => void;

/** Each connection is served by the next of these; requests of a process by the last answer that was set. */
async function server(t: Test, ...serve: Serve[]) {
  const answer = { status: 200, started: 1000 };
  let connections = 0;
  let tickets = 0;
  const http = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.statusCode = request.method === 'POST' ? 201 : answer.status;
    const body = request.method === 'POST' ? { ticket: `ticket${++tickets}` } : { ...PROCESS, started_at_ms: answer.started };
    response.end(JSON.stringify(response.statusCode < 300 ? body : { error: { code: 'X', message: 'It is away.' } }));
  }).listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'raworc.v0' });
  sockets.on('connection', (socket, request) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    const got: string[] = [];
    socket.on('message', (data) => got.push(String(data)));
    const connection: Connection = {
      ...{ socket, got, offset: searchParams.get('offset') },
      say: (value) => socket.send(JSON.stringify(value)),
      print: (text) => socket.send(Buffer.concat([Buffer.of(1), Buffer.from(text)])),
    };
    serve[connections++]?.(connection);
  });
  await once(http, 'listening');
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    http.close();
    http.closeAllConnections();
  });
  return { answer, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` };
}

const shown = (part: ProcessPart) => ('bytes' in part ? `${part.offset}:${Buffer.from(part.bytes)}` : part.kind);

t.test('a lost connection is made again at the byte where it was, and what was written waits for it in order', async (t) => {
  const offsets: (string | null)[] = [];
  let typed: string[] = [];
  const first: Serve = ({ offset, say, print, socket }) => {
    offsets.push(offset);
    say({ type: 'attached', offset: 0 });
    print('one ');
    print('two ');
    setImmediate(() => socket.terminate());
  };
  const second: Serve = ({ offset, say, print, got, socket }) => {
    offsets.push(offset);
    typed = got;
    say({ type: 'attached', offset: 8 });
    print('three');
    socket.on('message', () => {
      if (got.length < 3) return;
      say({ type: 'gap', from: 13, to: 20 });
      print('end');
      say({ type: 'exit', exit_code: 3, signal: null });
    });
  };
  const { url } = await server(t, first, second);
  const attachment = new SdkWorld().client(url).attach('s', PROCESS, { offset: 0 });
  const seen: string[] = [];
  for await (const part of attachment) {
    seen.push(shown(part));
    if (part.kind === 'lost') {
      attachment.resize(90, 30);
      attachment.write('a');
    }
    if (part.kind === 'back') attachment.write('b');
  }
  t.same(offsets, ['0', '8']);
  t.same(seen, ['0:one ', '4:two ', 'lost', 'back', '8:three', 'gap', '20:end', 'exit']);
  t.same(typed, ['{"type":"resize","cols":90,"rows":30}', 'a', 'b']);
});

t.test('what is written while a connection opens does not overtake what waited', async (t) => {
  const opened: Connection[] = [];
  let isOpen: () => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    isOpen = resolve;
  });
  const { url } = await server(t, (connection) => {
    opened.push(connection);
    isOpen();
  });
  const attachment = new SdkWorld().client(url).attach('s', PROCESS, {});
  attachment.write('first');
  const reading = attachment[Symbol.asyncIterator]();
  const next = reading.next();
  await until;
  const [connection] = opened;
  // Time for the client to see that it is open; on a slow machine the test finds less.
  await new Promise((resolve) => setTimeout(resolve, 50));
  attachment.write('second');
  await new Promise((resolve) => setTimeout(resolve, 50));
  connection?.say({ type: 'attached', offset: 0 });
  connection?.socket.on('message', () => {
    if (connection.got.length === 2) connection.say({ type: 'exit', exit_code: 0, signal: null });
  });
  t.match(await next, { value: { kind: 'exit' } });
  t.same(connection?.got, ['first', 'second']);
  attachment.close();
});

t.test('it ends when the process is gone, or another one has its id', async (t) => {
  for (const [answer, expected] of [
    [{ status: 404 }, { status: 404, message: /away/ }],
    [{ started: 2000 }, { status: 404, message: /another one has its id/ }],
  ] as const) {
    const { url, answer: answers } = await server(t, ({ say, socket }) => {
      say({ type: 'attached', offset: 0 });
      Object.assign(answers, answer);
      setImmediate(() => socket.close(1011, 'guest_lost'));
    });
    const parts: string[] = [];
    const read = (async () => {
      for await (const part of new SdkWorld().client(url).attach('s', PROCESS, {})) parts.push(part.kind);
    })();
    await t.rejects(read, expected);
    t.same(parts, ['lost']);
  }
});

t.test('it gives up when nothing answers for two minutes', async (t) => {
  const { url, answer } = await server(t, ({ say, socket }) => {
    say({ type: 'attached', offset: 0 });
    answer.status = 503;
    setImmediate(() => socket.terminate());
  });
  const world = new SdkWorld();
  const read = (async () => {
    for await (const part of world.client(url).attach('s', PROCESS, {})) t.equal(part.kind, 'lost');
  })();
  await t.rejects(read, { message: /The connection to the process was lost|away/ });
  t.ok(world.waitedMs.reduce((sum, ms) => sum + ms, 0) >= 120_000);
  t.ok(Math.max(...world.waitedMs) <= 60_000);
});

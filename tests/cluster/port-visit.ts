/** A server in a real session, on its loopback, and clients that come to it by every way there is. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { expect, type Rest } from './rest.ts';

const PORT = 8700;
/** Only in the session: it echoes, keeps an event stream open, speaks WebSocket, and sends headers without end. */
const SERVER = `
import asyncio, base64, hashlib, struct
waiting = []
async def serve(reader, writer):
    head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode()
    path = head.split(" ")[1]
    fields = dict(line.split(": ", 1) for line in head.split("\\r\\n")[1:] if ": " in line)
    headers = {name.lower(): value for name, value in fields.items()}
    if "upgrade" in headers:
        accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 X\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: {accept}\\r\\n\\r\\n".encode())
        while True:
            first, second = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(second & 127)))
            writer.write(struct.pack("BB", first, len(body)) + body)
            if first & 15 == 8: break
    elif path == "/events":
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\ndata: 1\\n\\n")
        waiting.append(writer)
        return
    elif path == "/headers":
        line = b"X-A: " + b"b" * 1000 + b"\\r\\n"
        writer.write(b"HTTP/1.1 200 OK\\r\\n")
        sent = 0
        try:
            while sent < 2 ** 30:
                writer.write(line * 64)
                sent += 64 * len(line)
                await writer.drain()
        except OSError: pass
        print("sent", sent, flush=True)
    else:
        for one in waiting: one.write(b"data: 2\\n\\n")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        answer = repr((headers["host"], "authorization" in headers, len(body))).encode()
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(answer) + answer)
    writer.close()
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", ${PORT}) as server: await server.serve_forever()
asyncio.run(main())
`;

interface Visit {
  readonly rest: Rest;
  readonly url: string;
  readonly token: string;
  readonly session: string;
}

/** The controller must have the preview domain `preview.test`. */
export async function visitPorts(t: Test, { rest, url, token, session }: Visit): Promise<void> {
  const { hostname: host, port } = new URL(url);
  const path = `/api/v0/sessions/${session}/ports/${PORT}`;
  const bearer = { Authorization: `Bearer ${token}` };
  const open = (at: string, headers: Record<string, string>, body?: Buffer) => {
    const sent = request({ host, port, path: at, agent: false, headers, method: body === undefined ? 'GET' : 'POST' });
    sent.end(body);
    return once(sent, 'response').then(([res]) => res as IncomingMessage);
  };
  const ask = async (at: string, headers: Record<string, string>, body?: Buffer) => {
    const res = await open(at, headers, body);
    return { status: res.statusCode, body: await text(res) };
  };

  const ports = await rest.watch(`/sessions/${session}/ports?follow=true`);
  const events = await rest.watch(`/sessions/${session}/events`);
  t.teardown(() => {
    ports.close();
    events.close();
  });
  await ports.until('the ports of before', ({ type }) => type === 'ports');
  const started = await rest.call('POST', `/sessions/${session}/processes`, { argv: ['python3', '-c', SERVER] });
  const { id: process } = expect(started, 201, 'start the server') as { id: number };
  const opened = await ports.until('the port opens', ({ type, data }) => type === 'opened' && data.port === PORT);
  t.match(opened.data, { listening: true, addresses: ['127.0.0.1'] }, 'a port that opens is an event');

  t.match(await ask(`${path}/`, bearer, Buffer.alloc(3_000_000)), { status: 200, body: `('localhost:${PORT}', False, 3000000)` });
  const feed = await open(`${path}/events`, bearer);
  t.equal(String((await once(feed, 'data'))[0]), 'data: 1\n\n');
  const second = once(feed, 'data');
  await ask(`${path}/`, bearer);
  t.equal(String((await second)[0]), 'data: 2\n\n', 'an event stream passes as it comes');
  feed.destroy();

  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}/`, { headers: bearer });
  await once(socket, 'open');
  socket.send('hello');
  t.equal(String((await once(socket, 'message'))[0]), 'hello', 'a WebSocket');
  socket.close();
  await once(socket, 'close');

  t.match(await ask(`${path}/headers`, bearer), { status: 503, body: /more than 32 KiB of headers/ }, 'a gigabyte of headers');
  t.equal((await ask(`${path}/`, bearer)).status, 200, 'and the next request is answered');
  t.match(await ask(`/api/v0/sessions/${session}/ports/1/`, bearer), { status: 503, body: /Nothing in the session listens on port 1 / });

  const origin = { Host: `${PORT}-${session}.preview.test:${port}` };
  t.equal((await ask('/', origin)).status, 401, 'a stranger is not admitted');
  const share = { public: true, expires_in_s: 600 };
  expect(await rest.call('POST', `/sessions/${session}/ports/${PORT}/share`, share), 201, 'make it public');
  t.match(await ask('/', origin), { status: 200 }, 'until it is public');
  const until = await events.until('it is public', ({ type }) => type === 'session.port_shared');
  t.match(until.data, { user: 'admin', port: PORT, public_until: String }, 'which is an event of the session');
  expect(await rest.call('DELETE', `/sessions/${session}/ports/${PORT}/share`), 204, 'end it');
  await events.until('it is not public any more', ({ type }) => type === 'session.port_unshared');
  t.equal((await ask('/', origin)).status, 401);
  const records = (await rest.call('GET', `/audit?resource=sessions/${session}&limit=100`)).body as { action: string; actor: string }[];
  for (const action of ['sharePort', 'unsharePort', 'startProcess'])
    t.equal(records.find((record) => record.action === action)?.actor, 'admin', `the record has ${action}`);

  expect(await rest.call('DELETE', `/sessions/${session}/processes/${process}`), 204, 'end the server');
  await ports.until('the port closes', ({ type, data }) => type === 'closed' && data.port === PORT);
}

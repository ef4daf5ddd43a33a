import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { World } from '../../../cli/io.ts';
import { runCli } from '../../../cli/program.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly json: unknown;
}
type Answer = { status?: number; body?: unknown } | ((response: ServerResponse, asked: Asked) => void);

/** A server that answers what a test says, by "METHOD /path", and keeps what it was asked. */
export class FakeServer {
  readonly url: string;
  readonly asked: Asked[] = [];
  readonly routes: Record<string, Answer>;

  constructor(url: string, routes: FakeServer['routes']) {
    this.url = url;
    this.routes = routes;
  }

  requests(): string[] {
    return this.asked.map(({ method, path }) => `${method} ${path}`);
  }
}

export async function fakeServer(t: Test, routes: FakeServer['routes'] = {}): Promise<FakeServer> {
  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').replace(/^\/api\/v0/, '');
    const body = await buffer(request);
    const json = request.headers['content-type'] === 'application/json' ? JSON.parse(body.toString()) : undefined;
    const asked: Asked = { method: request.method ?? '', path, headers: request.headers, body, json };
    fake.asked.push(asked);
    const answer = routes[`${asked.method} ${path}`] ?? routes[`${asked.method} ${path.split('?')[0]}`];
    if (typeof answer === 'function') return answer(response, asked);
    if (answer === undefined) return send(response, 404, { error: { code: 'NOT_FOUND', message: `nothing at ${path}` } });
    send(response, answer.status ?? 200, answer.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const fake = new FakeServer(`http://127.0.0.1:${address.port}`, routes);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return fake;
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

/** An answer with these server-sent events, after which the stream stays open unless it is ended. */
export function stream(...frames: string[]): (response: ServerResponse, asked: Asked) => void {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`retry: 1000\n: hello\n\n${frames.join('')}`);
  };
}

export const frame = (event: string, data: unknown, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The command line in a home of its own. */
export async function world(
  t: Test,
  server: { readonly url: string },
  { isTerminal = false, ...more }: Pick<World, 'after' | 'passOutput'> & { readonly isTerminal?: boolean } = {},
) {
  const home = await mkdtemp(join(tmpdir(), 'raworc-cli-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  const env: Record<string, string | undefined> = { XDG_CONFIG_HOME: home, RAWORC_URL: server.url, RAWORC_TOKEN: 'token-1' };
  const start = (args: readonly string[], stdin: Readable & { isTTY?: boolean } = Readable.from([]), leave = new AbortController()) => {
    const out: string[] = [];
    const err: string[] = [];
    const terminal = stdin.isTTY === true;
    let next = Promise.withResolvers<void>();
    const printed = () => {
      next.resolve();
      next = Promise.withResolvers<void>();
    };
    const done: Promise<Ran> = runCli(args, {
      ...more,
      env,
      stdin,
      stdout: sink(out, terminal, printed),
      stderr: sink(err, isTerminal, printed),
      signal: leave.signal,
    }).then((code) => ({
      code,
      out: out.join(''),
      err: err.join(''),
    }));
    return { done, leave, out, err, printed: () => next.promise };
  };
  return { home, env, start, run: (...args: string[]) => start(args).done };
}

/** What is typed on a terminal. */
export function keyboard(): PassThrough & { isTTY: boolean } {
  return Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
}

function sink(chunks: string[], isTTY: boolean, printed: () => void): Writable & { readonly isTTY: boolean } {
  const writable = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      printed();
      done();
    },
  });
  return Object.assign(writable, { isTTY });
}

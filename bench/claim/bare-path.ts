import { type ChildProcess, fork } from 'node:child_process';
import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import Database from 'better-sqlite3';
import jwt from 'jsonwebtoken';
import { CLAIMS } from './claims.ts';

/**
 * The least that a claim takes with these packages, without any rule: a request with a token, a durable commit in SQLite, a
 * frame over gRPC to another process that syncs it to a journal, its answer, a second commit, and the response.
 */
export class BarePath {
  readonly #url: string;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ends: (() => unknown)[];

  private constructor(url: string, token: string, ends: (() => unknown)[]) {
    this.#url = url;
    this.#token = token;
    this.#ends = ends;
  }

  static async open(directory: string): Promise<BarePath> {
    const key = createSecretKey(randomBytes(32));
    const database = new Database(join(directory, 'bare.db'));
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec('create table sessions (id text primary key, state text not null, body text not null) strict');
    const put = database.prepare<[string, string, string]>('insert or replace into sessions values (?, ?, ?)');

    const answered = new Map<string, () => void>();
    let node: ServerDuplexStream<Buffer, Buffer> | undefined;
    let joined: () => void = () => undefined;
    const isJoined = new Promise<void>((resolve) => {
      joined = resolve;
    });
    const grpc = new Server();
    grpc.addService(
      { claims: { ...CLAIMS, originalName: 'claims' } },
      {
        claims(call: ServerDuplexStream<Buffer, Buffer>) {
          node = call;
          call.on('data', (bytes: Buffer) => {
            joined();
            answered.get(bytes.toString('utf8', 0, 36))?.();
          });
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    const child: ChildProcess = fork(new URL('./bare-node.ts', import.meta.url), [`127.0.0.1:${port}`, join(directory, 'bare.journal')]);
    await isJoined;

    const http = createServer((asked, answer) => {
      void (async () => {
        jwt.verify(asked.headers.authorization?.slice(7) ?? '', key, { algorithms: ['HS256'] });
        const body = JSON.stringify(await json(asked));
        const id = randomUUID();
        put.run(id, 'init', body);
        await new Promise<void>((resolve) => {
          answered.set(id, resolve);
          node?.write(Buffer.from(`${id}${body.padEnd(1000)}`));
        });
        answered.delete(id);
        put.run(id, 'idle', body);
        answer.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id, state: 'idle', body }));
      })().catch((error: unknown) => answer.writeHead(500).end(String(error)));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const ends = [
      () => child.kill('SIGKILL'),
      () => grpc.forceShutdown(),
      () => http.closeAllConnections(),
      () => http.close(),
      () => database.close(),
    ];
    return new BarePath(url, jwt.sign({ sub: 'bench' }, key, { algorithm: 'HS256' }), ends);
  }

  async claim(): Promise<void> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
    const asked = request(this.#url, { method: 'POST', headers, agent: this.#agent });
    asked.end('{}');
    const [answer] = await once(asked, 'response');
    const body = await text(answer);
    if (answer.statusCode !== 201) throw new Error(body);
  }

  close(): void {
    this.#agent.destroy();
    for (const end of this.#ends) end();
  }
}

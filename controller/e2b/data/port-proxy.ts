import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../../seams/clock.ts';
import { type Outcome, refused } from '../../domain/engine/outcome.ts';
import { canonicalKey } from '../../services/access/key-forms.ts';
import type { Payer } from '../../services/budget/payer.ts';
import type { Access } from '../../services/sandboxes/sandbox-access.ts';
import { sendClosedPort, sendRefusal } from '../answers.ts';
import type { E2bDeps, Exchange } from '../exchange.ts';

/** Nothing of these reaches a program. */
const OWN_HEADERS = new Set(['e2b-sandbox-id', 'e2b-sandbox-port', 'e2b-traffic-access-token', 'x-api-key', 'x-access-token']);
/** Of one connection only. */
const HOP_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_HEADERS = 500;
/** Interim answers (1xx) of a program. */
const MAX_INTERIM = 8;
/** An exchange ends if nothing of it moves for this long; one that switched protocols, after the other. */
export const PORT_IDLE_MS = { http: 600_000, switched: 3_600_000 } as const;
const KEEP_ALIVE_MS = 60_000;

const NO_PORTS = refused('UNAVAILABLE', 'The port is not open.');

export interface PortTarget {
  readonly access: Access;
  readonly payer: Payer;
  readonly port: number;
}

/** Passes requests on to programs in sandboxes, and their answers back, as they come. */
export function portProxy({ ports, clock }: Pick<E2bDeps, 'ports' | 'clock'>) {
  const open = async ({ access, payer, port }: PortTarget, signal: AbortSignal): Promise<Outcome<Duplex>> =>
    ports === undefined ? NO_PORTS : ports.connect(access.caller, access.session.id, port, payer, signal);

  const ask = (req: IncomingMessage, connection: Duplex, headers: readonly string[]): ClientRequest =>
    request({
      ...{ method: req.method ?? 'GET', path: req.url ?? '/', headers: [...headers], setHost: false },
      ...{ maxHeaderSize: MAX_HEADER_BYTES, createConnection: () => connection },
    });

  return {
    async answer({ req, res, signal }: Exchange, target: PortTarget): Promise<void> {
      const connection = await open(target, signal);
      if (!connection.ok) {
        if (connection.refusal.code === 'RATE_LIMITED') return sendRefusal(res, connection.refusal);
        return sendClosedPort(res, target.access.sandbox.id, target.port);
      }
      await new Promise<void>((resolve) => {
        const asked = ask(req, connection.value, inward(req.rawHeaders));
        asked.maxHeadersCount = MAX_HEADERS;
        let interim = 0;
        asked.on('information', () => {
          interim += 1;
          if (interim > MAX_INTERIM) asked.destroy();
        });
        // The client's connection is cut, unless it has no answer yet.
        const idle = idleBound(clock, PORT_IDLE_MS.http, () => (res.headersSent ? res.destroy() : asked.destroy()));
        req.on('data', idle.moved);
        const end = () => {
          idle.cancel();
          req.unpipe(asked);
          asked.destroy();
          connection.value.destroy();
          resolve();
        };
        res.once('close', end);
        asked.once('response', (head) => {
          for (const [name, value] of outward(head.rawHeaders)) res.appendHeader(name, value);
          res.statusCode = head.statusCode ?? 502;
          // The client must see that the answer is not complete.
          head.once('aborted', () => res.destroy());
          head.on('data', idle.moved);
          head.pipe(res);
          res.flushHeaders();
        });
        asked.on('error', () => {
          if (res.headersSent) res.destroy();
          else sendClosedPort(res, target.access.sandbox.id, target.port);
        });
        req.pipe(asked);
      });
    },

    /** Connects both ends after a switch of protocols, as for a WebSocket. */
    async upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, target: PortTarget): Promise<void> {
      const over = new AbortController();
      socket.once('close', () => over.abort());
      const connection = await open(target, over.signal);
      if (!connection.ok) return void socket.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      const there = connection.value;
      const headers = [...inward(req.rawHeaders), 'Connection', 'Upgrade', 'Upgrade', req.headers.upgrade ?? 'websocket'];
      const lines = [`${req.method ?? 'GET'} ${req.url ?? '/'} HTTP/1.1`];
      for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
      there.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      if (head.byteLength > 0) there.write(head);
      const end = () => {
        idle.cancel();
        socket.destroy();
        there.destroy();
      };
      const idle = idleBound(clock, PORT_IDLE_MS.switched, end);
      if (socket instanceof Socket) socket.setKeepAlive(true, KEEP_ALIVE_MS);
      for (const one of [socket, there]) one.on('error', end).once('close', end).on('data', idle.moved);
      socket.pipe(there);
      there.pipe(socket);
    },
  };
}

/** Calls `over` when nothing has moved for so long. */
function idleBound(clock: Pick<Clock, 'after'>, ms: number, over: () => void): { moved(): void; cancel(): void } {
  let timer: Timer = clock.after(ms, over);
  return {
    moved() {
      timer.cancel();
      timer = clock.after(ms, over);
    },
    cancel: () => timer.cancel(),
  };
}

/** Returns names and values in turn. */
function inward(raw: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (const [name, value] of pairs(raw))
    if (!isOwn(name.toLowerCase(), value) && !HOP_HEADERS.has(name.toLowerCase())) found.push(name, value);
  const length = pairs(raw).find(([name]) => name.toLowerCase() === 'transfer-encoding');
  return length === undefined ? found : [...found, 'Transfer-Encoding', 'chunked'];
}

/** What authenticates the client here. Programs have their own Authorization, which is passed on. */
const isOwn = (key: string, value: string): boolean =>
  OWN_HEADERS.has(key) || (key === 'authorization' && canonicalKey(value.replace(/^Bearer\s+/i, '').trim()) !== undefined);

const outward = (raw: readonly string[]) => pairs(raw).filter(([name]) => !HOP_HEADERS.has(name.toLowerCase()));

function pairs(raw: readonly string[]): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return found;
}

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Context } from 'koa';
import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import type { Clock, Timer } from '../../../seams/clock.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Proof } from '../../services/access/proof.ts';
import { releasePlace } from '../access/budget-gate.ts';
import type { SseStreams } from '../events/sse-streams.ts';
import { trustBody } from '../server/body-deadlines.ts';
import { hasLeft } from '../server/connections.ts';
import { asksForUpgrade, takeUpgrade } from '../upgrades/pending-upgrade.ts';
import { type Answered, beginExchange, type Exchange, passAnswer } from './exchange.ts';
import { type Inward, inwardHeaders, type Outward, outwardHeaders } from './forwarded-headers.ts';

/** A connection that has switched protocols ends if nothing moves for this long. */
export const SWITCHED_IDLE_MS = 3_600_000;
const KEEP_ALIVE_MS = 60_000;

export interface PortProxyDeps {
  readonly streams: SseStreams;
  readonly clock: Clock;
}

/** A request for a program in a session, from a client who can use the port. */
export interface PortRequest {
  /** Path and query for the program. */
  readonly target: string;
  readonly inward: Inward;
  readonly outward: Outward;
  /** With whose credential, for revocation. */
  readonly proof: Proof;
  /** Whether the client can still use the port. */
  isAllowed(): boolean;
  open(signal: AbortSignal): Promise<Outcome<ByteStream>>;
}

/**
 * Passes a request to a program in a session, and its answer back, both as they come. The request
 * ends with the client, the program, the session, or the permission, whichever ends first. Returns
 * the refusal if the program does not answer; afterwards, the answer is cut off.
 */
export async function proxyRequest(ctx: Context, wanted: PortRequest, { streams, clock }: PortProxyDeps): Promise<Outcome<undefined>> {
  const { req, res } = ctx;
  const over = new AbortController();
  const end = () => over.abort();
  const judge = () => {
    if (!wanted.isAllowed()) end();
  };
  const registered = { proof: wanted.proof, judge, tick: judge, end };
  res.once('close', end);
  streams.add(registered);
  if (hasLeft(ctx)) end();
  // Streams have budgets of their own.
  releasePlace(ctx);
  let exchange: Exchange | undefined;
  try {
    const connection = await wanted.open(over.signal);
    if (!connection.ok) return connection;
    // A body for a program can take any time. The exchange ends one that stalls.
    trustBody(req);
    const upgrade = asksForUpgrade(req) ? req.headers.upgrade : undefined;
    const headers = inwardHeaders(req.rawHeaders, wanted.inward, upgrade);
    exchange = beginExchange(
      connection.value,
      { method: req.method ?? 'GET', target: wanted.target, headers, isUpgrade: upgrade !== undefined },
      clock,
    );
    over.signal.addEventListener('abort', exchange.end);
    if (over.signal.aborted) exchange.end();
    send(ctx, exchange, upgrade !== undefined);
    const answered = await exchange.answered;
    if (!answered.ok) return answered;
    const outward = outwardHeaders(answered.value.head.rawHeaders, wanted.outward);
    if (answered.value.switched !== undefined) {
      const taken = takeUpgrade(ctx);
      if (taken !== undefined) await join(taken, answered.value, outward, { clock, signal: over.signal });
      return accepted(undefined);
    }
    ctx.respond = false;
    await passAnswer(exchange, answered.value, res, outward);
    return accepted(undefined);
  } finally {
    if (exchange !== undefined) {
      req.unpipe(exchange.request);
      exchange.end();
    }
    streams.delete(registered);
    res.off('close', end);
  }
}

function send({ req, res }: Context, { request, moved, end }: Exchange, isUpgrade: boolean): void {
  if (isUpgrade) return void request.end();
  req.on('data', moved);
  req.pipe(request);
  req.once('close', () => {
    if (!req.complete && !res.writableEnded) end();
  });
}

/** Connects client and program for as long as both stay. Each direction ends alone. */
function join(
  { socket, head }: { readonly socket: Socket; readonly head: Buffer },
  { head: answer, switched }: Answered,
  headers: readonly (readonly [string, string])[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  if (switched === undefined) return Promise.resolve();
  const { connection, first } = switched;
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  const protocol = answer.headers.upgrade ?? 'websocket';
  socket.write(
    ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${protocol}`, ...lines, '', ''].join('\r\n'),
    'latin1',
  );
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  if (first.byteLength > 0) socket.write(first);
  if (head.byteLength > 0) connection.write(head);
  return piped(socket, connection, { clock, signal, idleMs: SWITCHED_IDLE_MS });
}

/** Pipes both ways. Resolves once both ends are closed. */
export function piped(
  a: Duplex,
  b: Duplex,
  { clock, signal, idleMs }: { readonly clock: Clock; readonly signal: AbortSignal; readonly idleMs: number },
): Promise<void> {
  return new Promise((resolve) => {
    let timer: Timer;
    const end = () => {
      a.destroy();
      b.destroy();
    };
    const moved = () => {
      timer?.cancel();
      timer = clock.after(idleMs, end);
    };
    let open = 2;
    const closed = () => {
      open -= 1;
      if (open > 0) return end();
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    moved();
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on('error', end);
      from.once('close', closed);
      from.on('data', moved);
      from.pipe(to);
    }
    signal.addEventListener('abort', end);
    if (a.destroyed) closed();
    if (b.destroyed) closed();
    if (signal.aborted) end();
  });
}

/** Answers with a status and a body in one piece. */
export function answer(res: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  res.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

import type { Context } from 'koa';
import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import type { Timer } from '../../../seams/clock.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { Proof } from '../../services/access/proof.ts';
import { releasePlace } from '../access/budget-gate.ts';
import { hasLeft } from '../server/connections.ts';
import { acceptWebSocket, MAX_MESSAGE_BYTES, webSocketRefusal } from '../upgrades/web-socket.ts';
import { type PortProxyDeps, SWITCHED_IDLE_MS } from './port-proxy.ts';

/** A text message that closes the direction of its sender. */
const END = 'end';
const PING_MS = 30_000;
/** Unsent bytes of a slow client, beyond which the program waits. */
const MAX_BUFFERED_BYTES = 256 * 1024;

export interface Tunnel {
  readonly caller: Caller;
  readonly proof: Proof;
  canUse(caller: Caller): boolean;
  open(signal: AbortSignal): Promise<Outcome<ByteStream>>;
}

/** Carries one TCP connection over a WebSocket. Returns the refusal if there is no connection. */
export async function tunnelPort(ctx: Context, { caller, proof, canUse, open }: Tunnel, deps: PortProxyDeps): Promise<Outcome<undefined>> {
  const { streams, clock } = deps;
  const refusal = webSocketRefusal(ctx);
  if (refusal !== undefined) return refusal;
  const over = new AbortController();
  const end = () => over.abort();
  const judge = () => {
    const now = caller.now();
    if (now === undefined || !canUse(now)) end();
  };
  const registered = { proof, judge, tick: judge, end };
  ctx.res.once('close', end);
  streams.add(registered);
  if (hasLeft(ctx)) end();
  releasePlace(ctx);
  const connection = await open(over.signal).catch((error: unknown) => {
    streams.delete(registered);
    throw error;
  });
  if (!connection.ok) {
    streams.delete(registered);
    return connection;
  }
  ctx.res.off('close', end);
  const stream = connection.value;
  const socket = acceptWebSocket(ctx);
  if (socket === undefined) {
    stream.destroy();
    streams.delete(registered);
    return accepted(undefined);
  }
  let movedAtMs = clock.monotonic();
  let timer: Timer;
  const ping = () => {
    if (clock.monotonic() - movedAtMs >= SWITCHED_IDLE_MS) return socket.terminate();
    socket.ping();
    timer = clock.after(PING_MS, ping);
  };
  timer = clock.after(PING_MS, ping);
  socket.on('error', () => socket.terminate());
  socket.on('message', (data: unknown, isBinary: boolean) => {
    movedAtMs = clock.monotonic();
    if (!isBinary) {
      if (String(data) === END) stream.end();
      return;
    }
    // Of the default type, a message is one buffer.
    if (stream.writableEnded || stream.write(data as Buffer)) return;
    socket.pause();
    stream.once('drain', () => socket.resume());
  });
  stream.on('data', (bytes: Buffer) => {
    movedAtMs = clock.monotonic();
    const isFull = socket.bufferedAmount >= MAX_BUFFERED_BYTES;
    if (isFull) stream.pause();
    for (let at = 0; at < bytes.byteLength; at += MAX_MESSAGE_BYTES) {
      const isLast = at + MAX_MESSAGE_BYTES >= bytes.byteLength;
      socket.send(bytes.subarray(at, at + MAX_MESSAGE_BYTES), () => {
        if (isFull && isLast) stream.resume();
      });
    }
  });
  stream.once('end', () => socket.send(END));
  const closed = Promise.withResolvers<undefined>();
  // 1011: what failed was on this side.
  stream.once('close', () => socket.close(stream.isComplete ? 1000 : 1011));
  socket.once('close', () => {
    timer.cancel();
    stream.destroy();
    streams.delete(registered);
    closed.resolve(undefined);
  });
  over.signal.addEventListener('abort', () => socket.terminate());
  if (over.signal.aborted) socket.terminate();
  return accepted(await closed.promise);
}

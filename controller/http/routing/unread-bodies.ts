import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Context } from 'koa';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import { hasLeft } from '../server/connections.ts';

/**
 * Up to here, Node.js discards the rest of a body and reuses the connection: a new one costs the
 * client about as much.
 */
export const SMALL_BYTES = 1024 * 1024;
/**
 * For all connections together. A client that reads the answer closes the connection and sends no
 * more.
 */
const DISCARDED_BYTES_PER_S = 4 * 1024 * 1024;
const MAX_DISCARD_MS = 30_000;
/**
 * Maximum number of such connections, since each buffers a piece of its body. Beyond it, the oldest
 * is closed.
 */
const MAX_LINGERING = 64;

export interface UnreadBodiesDeps {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly metrics: Metrics;
}

/**
 * Closes the connection after a request that was answered before its large body was read. A client
 * that sends everything before it reads would only see a reset, so the rest of its body is
 * discarded at a pace that costs others nothing.
 */
export function unreadBodies({ clock, metrics }: UnreadBodiesDeps): (ctx: Context) => void {
  const unread = metrics.counter({
    name: 'http_bodies_unread_total',
    help: 'Requests answered before their large body was read, after which the connection is closed.',
  });
  const lingering = new Set<Socket>();
  let nextAtMs = 0;
  /** Milliseconds until this many more bytes can be read. */
  const delayOf = (bytes: number) => {
    const now = clock.monotonic();
    nextAtMs = Math.max(now, nextAtMs) + (bytes / DISCARDED_BYTES_PER_S) * 1000;
    return nextAtMs - now;
  };
  return (ctx) => {
    const { req } = ctx;
    if (req.complete || hasLeft(ctx) || !isLarge(req)) return;
    unread.add(1);
    ctx.set('Connection', 'close');
    keepUnread(req);
    // Node.js closes the connection this way after the answer. Closing it with unread bytes would
    // reset it.
    req.socket.destroySoon = () => linger(req, req.socket);
  };

  function linger(req: IncomingMessage, socket: Socket): void {
    let timer: Timer | undefined;
    const limit = clock.after(MAX_DISCARD_MS, () => socket.destroy());
    lingering.add(socket);
    const [oldest] = lingering;
    if (lingering.size > MAX_LINGERING) oldest?.destroy();
    socket.once('close', () => {
      lingering.delete(socket);
      timer?.cancel();
      limit.cancel();
    });
    req.on('data', (chunk: Buffer) => {
      req.pause();
      timer = clock.after(delayOf(chunk.byteLength), () => req.resume());
    });
    req.once('end', () => socket.destroy());
    req.once('error', () => socket.destroy());
    socket.end();
    req.resume();
  }
}

function isLarge({ headers }: IncomingMessage): boolean {
  const announced = headers['content-length'];
  return announced === undefined ? headers['transfer-encoding'] !== undefined : Number(announced) > SMALL_BYTES;
}

/** Node.js would read an unread body to its end, at full speed. */
function keepUnread(req: IncomingMessage): void {
  req.removeAllListeners('data');
  req.pause();
  req.read(0);
}

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Context } from 'koa';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import { hasLeft } from '../server/connections.ts';

/**
 * Up to here, Node.js throws the rest of a body away, and the connection is used again: for whom the connection ends, a new one costs
 * about as much.
 */
export const SMALL_BYTES = 1024 * 1024;
/** Of all connections together. A client that reads the answer closes the connection, and the rest never comes. */
const DISCARDED_BYTES_PER_S = 4 * 1024 * 1024;
const LONGEST_DISCARD_MS = 30_000;
/** Each holds a piece of its body in memory. Past it, the oldest is closed. */
const MAX_LINGERING = 64;

export interface UnreadBodiesDeps {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly metrics: Metrics;
}

/**
 * Where a request is answered before its large body was read, the rest stays with the client: the answer ends the connection. Clients that
 * read no answer before they have sent all would only see a reset: for them the rest is thrown away, at a pace that costs others nothing.
 */
export function unreadBodies({ clock, metrics }: UnreadBodiesDeps): (ctx: Context) => void {
  const unread = metrics.counter({
    name: 'http_bodies_unread_total',
    help: 'Requests that were answered before their large body was read; the connection is closed.',
  });
  const lingering = new Set<Socket>();
  let nextAtMs = 0;
  /** When so many more bytes may be read. */
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
    // Node.js ends the connection this way once the answer is sent; ending it with bytes unread would reset it.
    req.socket.destroySoon = () => linger(req, req.socket);
  };

  function linger(req: IncomingMessage, socket: Socket): void {
    let timer: Timer | undefined;
    const limit = clock.after(LONGEST_DISCARD_MS, () => socket.destroy());
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

/** Node.js reads to its end, at full speed, what nobody has begun to read. */
function keepUnread(req: IncomingMessage): void {
  req.removeAllListeners('data');
  req.pause();
  req.read(0);
}

import type { IncomingMessage, Server } from 'node:http';
import type { Clock, Timer } from '../../../seams/clock.ts';

/** For a whole body, such as 64 MiB on a slow line. */
const WHOLE_MS = 300_000;
/** A body that takes as long as it takes sends a byte at least this often. */
export const SILENT_BODY_MS = 60_000;
const LOOK_MS = 1000;

interface Deadline {
  readonly begunMs: number;
  /** Whether the body is judged by its progress, not by its whole time. */
  byProgress: boolean;
  bytesRead: number;
  movedMs: number;
}

const deadlines = new WeakMap<IncomingMessage, Deadline>();

/**
 * From now on the body can take any time, as long as bytes come. While the server does not read,
 * because the receiver behind it is slow, the client is not to blame and no time passes.
 */
export function judgeByProgress(req: IncomingMessage): void {
  const deadline = deadlines.get(req);
  if (deadline !== undefined) deadline.byProgress = true;
}

/** From now on, something else bounds how long the body takes. */
export function trustBody(req: IncomingMessage): void {
  deadlines.delete(req);
}

/**
 * Ends requests whose body is late, as `clientError` with the code of Node.js. Its own
 * `requestTimeout` has one length for all requests, so it must be 0.
 */
export function watchBodies(server: Server, clock: Clock): void {
  const open = new Set<IncomingMessage>();
  let timer: Timer | undefined;
  const forget = (req: IncomingMessage) => {
    if (!open.delete(req) || open.size > 0) return;
    timer?.cancel();
    timer = undefined;
  };
  const look = () => {
    for (const req of [...open]) {
      const deadline = deadlines.get(req);
      if (deadline === undefined || req.complete || req.destroyed) open.delete(req);
      else if (isLate(req, deadline, clock.monotonic())) {
        open.delete(req);
        server.emit('clientError', Object.assign(new Error('the request is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), req.socket);
        // A client that neither sends nor reads cannot keep the connection.
        clock.after(LOOK_MS, () => req.socket.destroy());
      }
    }
    timer = open.size > 0 ? clock.after(LOOK_MS, look) : undefined;
  };
  server.prependListener('request', (req: IncomingMessage) => {
    const { headers, socket } = req;
    if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return;
    const begunMs = clock.monotonic();
    deadlines.set(req, { begunMs, byProgress: false, bytesRead: socket.bytesRead, movedMs: begunMs });
    open.add(req);
    const gone = () => {
      req.off('close', gone).off('end', gone);
      socket.off('close', gone);
      forget(req);
    };
    // A body that nobody reads any more tells nothing when its connection is lost.
    req.once('close', gone).once('end', gone);
    socket.once('close', gone);
    timer ??= clock.after(LOOK_MS, look);
  });
}

function isLate({ socket, readableFlowing }: IncomingMessage, deadline: Deadline, nowMs: number): boolean {
  if (!deadline.byProgress) return nowMs - deadline.begunMs >= WHOLE_MS;
  if (socket.bytesRead !== deadline.bytesRead || readableFlowing === false) {
    deadline.bytesRead = socket.bytesRead;
    deadline.movedMs = nowMs;
  }
  return nowMs - deadline.movedMs >= SILENT_BODY_MS;
}

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Context } from 'koa';

/** A connection that its request asks to switch to WebSocket. */
export interface PendingUpgrade {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** What the client sent after the request. */
  readonly head: Buffer;
}

interface Pending extends PendingUpgrade {
  /** From now on, the connection carries no more HTTP. */
  take(): void;
}

/** Only of requests that ask for it: others would pay for a map of all requests. */
const pending = new WeakMap<IncomingMessage, Pending>();

export const setPending = (upgrade: Pending): void => void pending.set(upgrade.request, upgrade);

export const asksForUpgrade = (request: IncomingMessage): boolean => pending.has(request);

/**
 * Takes the connection from HTTP: nothing is answered any more. Returns undefined if the request is
 * an ordinary one, or the connection was taken or answered before.
 */
export function takeUpgrade(ctx: Pick<Context, 'req' | 'respond'>): PendingUpgrade | undefined {
  const found = pending.get(ctx.req);
  if (found === undefined || found.socket.destroyed) return undefined;
  pending.delete(ctx.req);
  ctx.respond = false;
  found.take();
  return found;
}

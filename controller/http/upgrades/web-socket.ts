import type { Context } from 'koa';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Outcome, refused } from '../../domain/engine/outcome.ts';
import { SUBPROTOCOL } from './offered-protocols.ts';
import { asksForUpgrade, takeUpgrade } from './pending-upgrade.ts';

/** Longest message of a client. */
export const MAX_MESSAGE_BYTES = 64 * 1024;
const VERSION = '13';
const KEY = /^[+/0-9A-Za-z]{22}==$/;

const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  // Compression costs 300 KB and a thread's time per connection.
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
  handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
});

/** Refuses a request that cannot become a WebSocket. */
export function webSocketRefusal(ctx: Pick<Context, 'req'>): Outcome<never> | undefined {
  const { headers } = ctx.req;
  if (!asksForUpgrade(ctx.req))
    return refused('BAD_REQUEST', 'This path takes WebSocket connections: send `Connection: Upgrade` and `Upgrade: websocket`.');
  if (headers['sec-websocket-version'] !== VERSION) return refused('BAD_REQUEST', `The header Sec-WebSocket-Version must be ${VERSION}.`);
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return refused('BAD_REQUEST', 'The header Sec-WebSocket-Key is missing or invalid.');
  return undefined;
}

/**
 * Switches the connection of a request to WebSocket. Call after {@link webSocketRefusal}. Returns
 * undefined if the client has gone.
 */
export function acceptWebSocket(ctx: Context): WebSocket | undefined {
  const upgrade = takeUpgrade(ctx);
  if (upgrade === undefined) return undefined;
  ctx.status = 101;
  let opened: WebSocket | undefined;
  server.handleUpgrade(upgrade.request, upgrade.socket, upgrade.head, (socket) => {
    opened = socket;
  });
  if (opened === undefined) upgrade.socket.destroy();
  return opened;
}

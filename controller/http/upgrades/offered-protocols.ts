import type { IncomingMessage } from 'node:http';

/** The WebSocket subprotocol of this API. */
export const SUBPROTOCOL = 'raworc.v0';
const TICKET = 'raworc.ticket.';

/**
 * Returns the ticket that a browser, which cannot set headers, offers as a subprotocol. The server
 * never selects that one, so the answer does not repeat it.
 */
export function offeredTicket({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const offered = headers['sec-websocket-protocol'] ?? '';
  return offered
    .split(',')
    .map((one) => one.trim())
    .find((one) => one.startsWith(TICKET))
    ?.slice(TICKET.length);
}

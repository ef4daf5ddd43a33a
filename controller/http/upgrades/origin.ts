import type { IncomingMessage } from 'node:http';

/**
 * Returns whether a page of this origin can open a WebSocket, which no CORS of browsers prevents:
 * pages of the same host, and of the origins that can call the API. Other programs send no origin.
 */
export function isOriginAllowed({ headers: { origin, host = '' } }: Pick<IncomingMessage, 'headers'>, origins: readonly string[]): boolean {
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

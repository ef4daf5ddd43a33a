import type { Environment } from './environment.ts';
import type { Operations } from './generated/operations.gen.ts';

/** How to open a WebSocket, in Node.js and in browsers: `new WebSocket(url, protocols)`. */
export interface PortSocket {
  readonly url: string;
  /** Good for one WebSocket, within 30 seconds. */
  readonly protocols: string[];
}

/**
 * Returns the address of a WebSocket that carries one TCP connection to a port of a session: binary
 * messages are its bytes, at most 64 KiB each, and the text message `end` closes one direction.
 */
export async function portSocket(
  operations: Pick<Operations, 'tickets'>,
  server: string,
  session: string,
  port: number,
): Promise<PortSocket> {
  const { ticket } = await operations.tickets.create({ for: 'port', session });
  return {
    url: `${server.replace(/^http/, 'ws')}/api/v0/sessions/${encodeURIComponent(session)}/ports/${port}`,
    protocols: ['raworc.v0', `raworc.ticket.${ticket}`],
  };
}

/** What an address with a ticket leads to, for programs: the value of the header X-Raworc-Preview. */
export async function enterPreview(
  { fetch }: Pick<Environment, 'fetch'>,
  url: string,
): Promise<{ readonly origin: string; readonly headers: Record<string, string> }> {
  const { origin, hash } = new URL(url);
  const answer = await fetch(new Request(`${origin}/.raworc/enter`, { method: 'POST', body: hash.slice(1) }));
  const body: unknown = await answer.json();
  const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : undefined;
  if (!answer.ok || typeof token !== 'string') throw new Error('The address was used before, or is older than 30 seconds. Get a new one.');
  return { origin, headers: { 'X-Raworc-Preview': token } };
}

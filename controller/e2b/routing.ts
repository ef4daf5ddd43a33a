/** Which part of the listener a request is for. */

/** The port of commands and files in every sandbox. No program inside can have it. */
export const ENVD_PORT = 49_983;

export type Destination =
  | { readonly plane: 'control' }
  | { readonly plane: 'data'; readonly id: string; readonly port: number }
  /** A URL of a file, whose sandbox follows from its signature alone. */
  | { readonly plane: 'signed' };

export interface Routed {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Path and query. */
  readonly url: string;
}

const IN_HOST = /^(\d{1,5})-([^.]+)\./;

/**
 * A sandbox named by headers comes first, then one in the name of the host, then the signature of a
 * file's URL. Everything else is for the control plane.
 */
export function destinationOf({ headers, url }: Routed): Destination {
  const id = one(headers['e2b-sandbox-id']);
  if (id !== undefined && id !== '') return { plane: 'data', id: id.toLowerCase(), port: portIn(one(headers['e2b-sandbox-port'])) };
  const host = IN_HOST.exec(one(headers.host) ?? '');
  if (host !== null) return { plane: 'data', id: (host[2] ?? '').toLowerCase(), port: portIn(host[1]) };
  // Such as `//`, which no client sends.
  if (!URL.canParse(url, 'http://sandbox')) return { plane: 'control' };
  const { pathname, searchParams } = new URL(url, 'http://sandbox');
  if (pathname === '/files' && searchParams.has('signature')) return { plane: 'signed' };
  return { plane: 'control' };
}

/** 0: not a port. */
function portIn(sent: string | undefined): number {
  if (sent === undefined || sent === '') return ENVD_PORT;
  const port = /^\d{1,5}$/.test(sent) ? Number(sent) : 0;
  return port <= 65_535 ? port : 0;
}

const one = (header: string | readonly string[] | undefined): string | undefined => (typeof header === 'string' ? header : header?.[0]);

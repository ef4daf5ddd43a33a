/**
 * Headers of requests and responses that pass between a client and a program in a session. Both ends
 * are strangers to each other: nothing that authenticates the client to Raworc goes in, and nothing
 * comes out that acts on the origin of the API.
 */

/** Names and values alternate, as in `rawHeaders`. */
export type RawHeaders = readonly string[];

/** About one connection only, not about what it carries (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
]);

/** Set by us, or answered by us. */
const OURS_IN = new Set([
  ...['host', 'expect', 'forwarded', 'x-real-ip', 'x-client-ip', 'true-client-ip', 'cf-connecting-ip'],
  ...['e2b-traffic-access-token', 'x-access-token-raworc'],
]);
const OURS_PREFIX = ['x-forwarded-', 'x-raworc-'];

/** What would act beyond the response: on other ports of the host, or on every later request. */
const NEVER_OUT = new Set(['alt-svc', 'strict-transport-security', 'public-key-pins', 'x-accel-redirect', 'x-sendfile']);

/**
 * What would act on the whole origin, or ask the browser for credentials for it. Below the API's own
 * origin, a program in a session must not.
 */
const NOT_ON_SHARED_ORIGIN = new Set([
  ...['set-cookie', 'set-cookie2', 'set-login', 'clear-site-data', 'www-authenticate', 'authentication-info', 'proxy-authenticate'],
  ...['service-worker-allowed', 'origin-agent-cluster', 'nel', 'report-to', 'reporting-endpoints', 'accept-ch', 'critical-ch'],
  ...['permissions-policy', 'document-policy', 'speculation-rules', 'use-as-dictionary', 'activate-storage-access', 'refresh'],
  ...['x-frame-options', 'x-content-type-options', 'referrer-policy', 'cache-control', 'expires', 'pragma', 'x-request-id'],
  ...['expect-ct', 'timing-allow-origin', 'x-permitted-cross-domain-policies', 'x-dns-prefetch-control', 'link', 'sourcemap'],
]);
const NOT_ON_SHARED_PREFIX = ['access-control-', 'cross-origin-', 'x-raworc-', 'ratelimit', 'sec-session', 'secure-session'];

export interface Inward {
  readonly port: number;
  /** Whether a header is left out, by its name in lower case: what authenticates the client. */
  isSecret(key: string, value: string): boolean;
  /** The value of Host for the program. */
  readonly host: string;
  readonly client: string;
  readonly clientHost: string;
  readonly scheme: 'http' | 'https';
  /** The path below which the client sees the program; empty for an origin of its own. */
  readonly prefix: string;
  /** Replaces the cookies of the client; undefined leaves them as they are. */
  cookie?(sent: string): string;
  /** Origins of the client that the program sees as its own, for WebSockets. */
  isOwnOrigin?(origin: string): boolean;
}

/**
 * Returns the headers for the program. `upgrade` is the protocol that the client asks to switch to.
 */
export function inwardHeaders(sent: RawHeaders, to: Inward, upgrade: string | undefined): string[] {
  const nominated = nominatedIn(sent);
  const headers: string[] = ['Host', to.host];
  let hasLength = false;
  let isChunked = false;
  for (const [name, value] of pairs(sent)) {
    const key = name.toLowerCase();
    if (key === 'transfer-encoding') isChunked = true;
    if (key === 'content-length') hasLength = true;
    if (key !== 'content-length' && (HOP_BY_HOP.has(key) || nominated.has(key))) continue;
    if (OURS_IN.has(key) || OURS_PREFIX.some((prefix) => key.startsWith(prefix)) || to.isSecret(key, value)) continue;
    if (key === 'sec-websocket-protocol') {
      const offered = withoutTickets(value);
      if (offered !== '') headers.push(name, offered);
    } else if (key === 'cookie') {
      const cookie = to.cookie === undefined ? value : to.cookie(value);
      if (cookie !== '') headers.push(name, cookie);
    } else if (key === 'origin' && upgrade !== undefined && to.isOwnOrigin?.(value) === true) {
      // Development servers compare it with Host before they open a WebSocket.
      headers.push(name, `http://${to.host}`);
    } else headers.push(name, value);
  }
  headers.push('X-Forwarded-For', to.client, 'X-Forwarded-Host', to.clientHost, 'X-Forwarded-Proto', to.scheme);
  if (to.prefix !== '') headers.push('X-Forwarded-Prefix', to.prefix);
  if (upgrade !== undefined) headers.push('Connection', 'Upgrade', 'Upgrade', upgrade);
  else headers.push('Connection', 'close');
  if (isChunked) headers.push('Transfer-Encoding', 'chunked');
  else if (!hasLength && upgrade === undefined) headers.push('Content-Length', '0');
  return headers;
}

/** Tickets of the API travel as subprotocols. */
const withoutTickets = (offered: string): string =>
  offered
    .split(',')
    .map((one) => one.trim())
    .filter((one) => !one.toLowerCase().startsWith('raworc.ticket.'))
    .join(', ');

export interface Outward {
  /** Whether the client sees the program below the API's origin. */
  readonly isShared: boolean;
  readonly prefix: string;
  readonly port: number;
}

/** Returns the headers for the client, in pairs, and the policy that binds the page. */
export function outwardHeaders(sent: RawHeaders, { isShared, prefix, port }: Outward): [string, string][] {
  const nominated = nominatedIn(sent);
  const headers: [string, string][] = [];
  for (const [name, value] of pairs(sent)) {
    const key = name.toLowerCase();
    if (HOP_BY_HOP.has(key) || (nominated.has(key) && key !== 'content-length') || NEVER_OUT.has(key)) continue;
    if (isShared && (NOT_ON_SHARED_ORIGIN.has(key) || NOT_ON_SHARED_PREFIX.some((one) => key.startsWith(one)))) continue;
    if (!isShared && key.startsWith('x-raworc-')) continue;
    if (key === 'set-cookie') {
      const cookie = ownCookie(value);
      if (cookie !== undefined) headers.push([name, cookie]);
    } else if (key === 'location') headers.push([name, locationFor(value, { isShared, prefix, port })]);
    else headers.push([name, value]);
  }
  // A policy of the program is kept beside it: browsers apply all.
  if (isShared) headers.push(['Content-Security-Policy', 'sandbox']);
  headers.push(['X-Raworc-Port', String(port)]);
  return headers;
}

/**
 * Returns a cookie for this origin alone. With Domain it would reach the origins of other sessions,
 * and a name of ours would replace the one that admits the viewer.
 */
function ownCookie(value: string): string | undefined {
  const [first = '', ...attributes] = value.split(';');
  if (isOurCookie(first.split('=', 1)[0] ?? '')) return undefined;
  return [first, ...attributes.filter((one) => !/^\s*domain\s*(=|$)/i.test(one))].join(';');
}

/** The cookie that admits a viewer: of an origin with TLS, and without. */
export const PREVIEW_COOKIE = { secure: '__Host-raworc-preview', plain: 'raworc-preview' } as const;
const isOurCookie = (name: string): boolean =>
  Object.values(PREVIEW_COOKIE).some((ours) => ours.toLowerCase() === name.trim().toLowerCase());

/** Returns the client's cookies without ours, which the program must not see. */
export const withoutOurCookies = (sent: string): string =>
  sent
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !isOurCookie(one.split('=', 1)[0] ?? ''))
    .join('; ');

/** Programs know their own address and paths only. */
function locationFor(value: string, { isShared, prefix, port }: Outward): string {
  const own = new RegExp(`^https?://(localhost|127\\.0\\.0\\.1|\\[::1\\]):${port}(?=[/?#]|$)`, 'i').exec(value)?.[0];
  const rest = own === undefined ? value : value.slice(own.length) || '/';
  const isPath = own !== undefined || (rest.startsWith('/') && !rest.startsWith('//') && !rest.startsWith('/\\'));
  if (!isPath) return value;
  return isShared ? `${prefix}${rest.startsWith('/') ? rest : `/${rest}`}` : rest;
}

/** Headers that Connection names are hop-by-hop too. */
const nominatedIn = (sent: RawHeaders): ReadonlySet<string> =>
  new Set(
    [...pairs(sent)]
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((one) => one.trim().toLowerCase())),
  );

function* pairs(raw: RawHeaders): Generator<readonly [name: string, value: string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) yield [raw[at] ?? '', raw[at + 1] ?? ''];
}

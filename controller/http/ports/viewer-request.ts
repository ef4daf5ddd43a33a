import type { IncomingHttpHeaders } from 'node:http';
import { canonicalKey } from '../../services/access/key-forms.ts';
import { TOKEN_ISSUER } from '../../services/access/tokens.ts';
import type { PreviewOrigins, PreviewPort } from '../../services/ports/preview-origins.ts';
import { PREVIEW_COOKIE } from './forwarded-headers.ts';

/** Programs send what a ticket was exchanged for here, browsers as a cookie. */
export const PASS_HEADER = 'x-raworc-preview';
/** A browser sends few of one name: those of sibling domains cannot have this prefix with TLS. */
const MAX_COOKIES = 8;

export interface SentPass {
  readonly pass: string;
  readonly from: 'header' | 'cookie';
}

/** Returns what a request offers to be admitted by. */
export function sentPasses({ [PASS_HEADER]: header, cookie = '' }: IncomingHttpHeaders, scheme: 'http' | 'https'): readonly SentPass[] {
  if (typeof header === 'string') return [{ pass: header, from: 'header' }];
  const name = scheme === 'https' ? PREVIEW_COOKIE.secure : PREVIEW_COOKIE.plain;
  return cookie
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one.startsWith(`${name}=`))
    .slice(0, MAX_COOKIES)
    .map((one) => ({ pass: one.slice(name.length + 1), from: 'cookie' }));
}

/**
 * Returns whether a request with a cookie comes from the port's own pages, from those of another port
 * of the same session, or from a person who follows a link. Pages of other sessions are on the same
 * site, so SameSite does not keep them out.
 */
export function isOwnRequest(headers: IncomingHttpHeaders, method: string, { session }: PreviewPort, origins: PreviewOrigins): boolean {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = headers;
  if (site === 'same-origin' || site === 'none') return true;
  if (mode === 'navigate' && dest === 'document' && (method === 'GET' || method === 'HEAD')) return true;
  if (origin === undefined) return site === undefined;
  return originOf(origin, origins)?.session === session;
}

/** Returns the port whose origin this is. */
export function originOf(origin: string, origins: PreviewOrigins): PreviewPort | undefined {
  const found = URL.canParse(origin) ? origins.find(new URL(origin).host) : undefined;
  return found !== undefined && origins.of(found) === origin.toLowerCase() ? found : undefined;
}

/** Returns whether a header has a credential of Raworc. Programs have their own, which are passed on. */
export function isOurCredential(key: string, value: string): boolean {
  if (key === PASS_HEADER) return true;
  if (key !== 'authorization' && key !== 'x-api-key' && key !== 'x-access-token') return false;
  const secret = value.replace(/^Bearer\s+/i, '').trim();
  return canonicalKey(secret) !== undefined || isOurToken(secret);
}

function isOurToken(secret: string): boolean {
  const [, claims, signature] = secret.split('.');
  if (claims === undefined || signature === undefined) return false;
  try {
    const { iss }: Readonly<Record<string, unknown>> = JSON.parse(Buffer.from(claims, 'base64url').toString());
    return iss === TOKEN_ISSUER;
  } catch {
    return false;
  }
}

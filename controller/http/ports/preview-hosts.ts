import type { Context, Middleware } from 'koa';
import type { Log } from '../../../seams/log.ts';
import type { Random } from '../../../seams/random.ts';
import { STATUS_OF } from '../../contract/errors.ts';
import { type Outcome, type Refusal, refusalFor, refused } from '../../domain/engine/outcome.ts';
import type { Accounts } from '../../services/access/login-service.ts';
import type { Proof } from '../../services/access/proof.ts';
import type { Payer } from '../../services/budget/payer.ts';
import { ENTER_PATH, OWN_PATHS, type Ports } from '../../services/ports/port-service.ts';
import type { PreviewOrigins, PreviewPort } from '../../services/ports/preview-origins.ts';
import { type BudgetGate, payerIn, releaseAll } from '../access/budget-gate.ts';
import { errorBody, refuse } from '../routing/errors.ts';
import type { ClientAddresses } from '../server/client-address.ts';
import { hasLeft } from '../server/connections.ts';
import { enterPage, refusalPage } from './enter-page.ts';
import { PREVIEW_COOKIE, withoutOurCookies } from './forwarded-headers.ts';
import { answer, type PortProxyDeps, proxyRequest } from './port-proxy.ts';
import { isOurCredential, isOwnRequest, originOf, sentPasses } from './viewer-request.ts';

const MAX_TICKET_BYTES = 128;

export interface PreviewHostDeps extends PortProxyDeps {
  readonly ports: Ports;
  readonly accounts: Pick<Accounts, 'callerOf'>;
  readonly gate: BudgetGate;
  readonly addresses: ClientAddresses;
  readonly random: Random;
  readonly log: Log;
}

/** Who asks, and how long they can. */
interface Admitted {
  readonly proof: Proof;
  readonly payer: Payer;
  readonly isAllowed: () => boolean;
  readonly open: Parameters<typeof proxyRequest>[1]['open'];
}

const NOT_ADMITTED = refused(
  'UNAUTHORIZED',
  'This port is not public. Get an address with `raworc open SESSION PORT` or POST /sessions/{id}/ports/{port}/share, and open it within 30 seconds.',
);
const BAD_TICKET = refused('UNAUTHORIZED', 'The address was used before, or is older than 30 seconds. Get a new one.');
const FOREIGN = refused('FORBIDDEN', 'Pages of other origins cannot use this port with your cookie.');

/**
 * Serves the origins of ports, by Host. Nothing of the API is there: no token of it is accepted, and
 * none of its headers are set. A viewer is admitted by the cookie or header that a ticket was
 * exchanged for, and anybody while the port is public.
 */
export function previewHosts(deps: PreviewHostDeps): Middleware {
  const { ports, random, addresses, log } = deps;
  const preview = async (ctx: Context, found: PreviewPort, origins: PreviewOrigins) => {
    ctx.state.requestId = random.uuid();
    ctx.request.ip = addresses.addressOf(ctx.req);
    ctx.state.route = 'preview';
    try {
      const done = await serve(ctx, found, origins, deps);
      if (!done.ok) sendRefusal(ctx, refusalFor(done.refusal, false));
    } catch (error) {
      log.error('http.preview_fault', {
        request_id: ctx.state.requestId,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      if (!ctx.res.headersSent) sendRefusal(ctx, { code: 'INTERNAL_ERROR', message: `An error occurred. Request ${ctx.state.requestId}.` });
      else ctx.res.destroy();
    } finally {
      releaseAll(ctx);
    }
  };
  return (ctx, next) => {
    const { origins } = ports;
    const found = origins?.find(ctx.req.headers.host ?? '');
    return found === undefined || origins === undefined ? next() : preview(ctx, found, origins);
  };
}

async function serve(ctx: Context, found: PreviewPort, origins: PreviewOrigins, deps: PreviewHostDeps): Promise<Outcome<undefined>> {
  const path = (ctx.req.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
  if (path.startsWith(OWN_PATHS)) return own(ctx, path, found, origins, deps);
  const admitted = admit(ctx, found, origins, deps);
  if (admitted === undefined) return { ok: true, value: undefined };
  if ('ok' in admitted) return admitted;
  const { session, port } = found;
  const { host = '' } = ctx.req.headers;
  return proxyRequest(
    ctx,
    {
      target: ctx.req.url ?? '/',
      inward: {
        ...{ port, prefix: '', host: `localhost:${port}`, client: ctx.ip, clientHost: host, scheme: origins.scheme },
        isSecret: isOurCredential,
        cookie: withoutOurCookies,
        isOwnOrigin: (origin) => originOf(origin, origins)?.session === session,
      },
      outward: { isShared: false, prefix: '', port },
      ...admitted,
    },
    deps,
  );
}

/** Undefined: a budget refused and answered the request. */
function admit(
  ctx: Context,
  { session, port }: PreviewPort,
  origins: PreviewOrigins,
  { ports, gate }: PreviewHostDeps,
): Admitted | Outcome<never> | undefined {
  const { headers, method = '' } = ctx.req;
  let isForeign = false;
  for (const { pass: sent, from } of sentPasses(headers, origins.scheme)) {
    const viewer = ports.viewerOf(sent, session, port);
    if (viewer === undefined) continue;
    if (from === 'cookie' && !isOwnRequest(headers, method, { session, port }, origins)) {
      isForeign = true;
      continue;
    }
    if (!gate.admit(ctx, viewer.caller, viewer.pass.proof)) return undefined;
    const payer = payerIn(ctx);
    return {
      ...{ proof: viewer.pass.proof, payer },
      isAllowed: () => ports.viewerOf(sent, session, port) !== undefined,
      open: (signal) => ports.connect(viewer.caller, session, port, payer, signal),
    };
  }
  if (!gate.stranger(ctx)) return undefined;
  const sharer = ports.publicCaller(session, port);
  if (sharer === undefined) return isForeign ? FOREIGN : NOT_ADMITTED;
  // Visitors count against the budget of the account that made the port public.
  const payer: Payer = { ...payerIn(ctx), account: sharer.accountId };
  return {
    ...{ proof: { kind: 'api-key', keyId: '', accountId: sharer.accountId, expiresAtMs: Number.POSITIVE_INFINITY }, payer },
    isAllowed: () => ports.publicCaller(session, port) !== undefined,
    open: (signal) => ports.connect(sharer, session, port, payer, signal),
  };
}

/** Exchanges a ticket for a cookie, or for the value of a header. */
async function own(
  ctx: Context,
  path: string,
  found: PreviewPort,
  origins: PreviewOrigins,
  { ports, gate, random, clock }: PreviewHostDeps,
): Promise<Outcome<undefined>> {
  if (!gate.stranger(ctx)) return { ok: true, value: undefined };
  const { req, res } = ctx;
  if (path !== ENTER_PATH) return refused('NOT_FOUND', `The path ${path.slice(0, 200)} does not exist.`);
  if (req.method === 'GET' || req.method === 'HEAD') {
    const nonce = Buffer.from(random.bytes(16)).toString('base64url');
    const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
    ctx.respond = false;
    answer(res, 200, { ...OWN_HEADERS, 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy }, enterPage(nonce));
    return { ok: true, value: undefined };
  }
  if (req.method !== 'POST') return refused('METHOD_NOT_ALLOWED', 'Only GET and POST are supported here.');
  const { origin } = req.headers;
  if (origin !== undefined && origin.toLowerCase() !== origins.of(found)) return FOREIGN;
  const ticket = await readTicket(ctx);
  const pass = ticket === undefined ? undefined : ports.redeem(ticket, found.session, found.port);
  if (pass === undefined) return BAD_TICKET;
  const token = ports.signed(pass);
  const isSecure = origins.scheme === 'https';
  const lifeS = Math.max(1, Math.floor((pass.endsAtMs - clock.now()) / 1000));
  const cookie = `${isSecure ? PREVIEW_COOKIE.secure : PREVIEW_COOKIE.plain}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${lifeS}${isSecure ? '; Secure' : ''}`;
  ctx.respond = false;
  // A page gets the cookie, which its scripts cannot read; a program, which sends no origin, the token.
  const body = { expires_at: new Date(pass.endsAtMs).toISOString(), ...(origin === undefined ? { token } : {}) };
  answer(
    res,
    200,
    { ...OWN_HEADERS, 'Content-Type': 'application/json', ...(origin === undefined ? {} : { 'Set-Cookie': cookie }) },
    JSON.stringify(body),
  );
  return { ok: true, value: undefined };
}

const OWN_HEADERS = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Robots-Tag': 'noindex',
};

async function readTicket({ req }: Context): Promise<string | undefined> {
  let text = '';
  for await (const chunk of req) {
    text += String(chunk);
    if (text.length > MAX_TICKET_BYTES) return undefined;
  }
  return text.trim();
}

/** A page for browsers that navigate, JSON for everything else. */
function sendRefusal(ctx: Context, refusal: Refusal): void {
  if (hasLeft(ctx) || ctx.res.headersSent) return;
  refuse(ctx, refusal);
  ctx.respond = false;
  const wantsPage = /text\/html/.test(ctx.req.headers.accept ?? '') && ctx.req.headers['sec-fetch-dest'] !== 'empty';
  const [type, body] = wantsPage
    ? (['text/html; charset=utf-8', refusalPage(TITLES[refusal.code] ?? 'The port does not answer', refusal.message)] as const)
    : (['application/json', JSON.stringify(errorBody(refusal))] as const);
  const policy = { 'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'" };
  // A body that nobody reads would be read to its end.
  const close: Record<string, string> = ctx.req.complete ? {} : { Connection: 'close' };
  answer(
    ctx.res,
    STATUS_OF[refusal.code],
    { ...OWN_HEADERS, ...policy, ...close, 'Content-Type': type, 'X-Request-Id': String(ctx.state.requestId) },
    body,
  );
}

const TITLES: Partial<Readonly<Record<Refusal['code'], string>>> = {
  UNAUTHORIZED: 'This port is not public',
  FORBIDDEN: 'Not allowed',
  NOT_FOUND: 'Not found',
  RATE_LIMITED: 'Too many requests',
};

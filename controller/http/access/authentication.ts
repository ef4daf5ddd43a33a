import jsonwebtoken from 'jsonwebtoken';
import type { Context } from 'koa';
import jwt from 'koa-jwt';
import type { Clock } from '../../../seams/clock.ts';
import type { AccountId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import { canonicalKey } from '../../services/access/key-forms.ts';
import type { Accounts } from '../../services/access/login-service.ts';
import type { Proof } from '../../services/access/proof.ts';
import type { RequestTicket, RequestTickets } from '../../services/access/request-tickets.ts';
import { TOKEN_ALGORITHM, TOKEN_ISSUER, type Tokens } from '../../services/access/tokens.ts';
import { isUuid } from '../input/ids.ts';
import { refuse } from '../routing/errors.ts';
import { BASE } from '../routing/route.ts';
import { offeredTicket } from '../upgrades/offered-protocols.ts';
import { asksForUpgrade } from '../upgrades/pending-upgrade.ts';
import type { BudgetGate } from './budget-gate.ts';
import { ProofCache } from './proof-cache.ts';

/**
 * Key of the credential in a request's state. (A WeakMap of requests is slow and slows every
 * garbage collection.)
 */
const PROVED = 'proved';

interface Proved {
  readonly caller: Caller;
  readonly proof: Proof;
}

export const provedOf = (ctx: Context): Proved | undefined => ctx.state[PROVED];

const NO_TOKEN = refused(
  'UNAUTHORIZED',
  'The token or API key is missing, invalid, expired or revoked. POST /api/v0/auth/login returns a new token.',
);

/**
 * Returns the caller with its current permissions: reading the body can take long. Undefined on
 * public routes; refused if the credentials were revoked meanwhile.
 */
export function callerOf(ctx: Context): Outcome<Caller | undefined> {
  const found = provedOf(ctx);
  if (found === undefined) return accepted(undefined);
  const caller = found.caller.now();
  return caller === undefined ? NO_TOKEN : accepted(caller);
}

/** Throws on public routes, which have no credentials. */
export function proofOf(ctx: Context): Proof {
  const found = provedOf(ctx);
  if (found === undefined) throw new Error('the request was not authenticated');
  return found.proof;
}

/** Returns whether the request can continue. If not, it has been answered. */
export type Admission = (ctx: Context) => Promise<boolean> | boolean;

export interface AuthenticationDeps {
  readonly tokens: Tokens;
  readonly accounts: Accounts;
  readonly tickets: Pick<RequestTickets, 'redeem'>;
  readonly clock: Clock;
  readonly gate: BudgetGate;
}

/**
 * Admits a request with a valid token of an active account with the token's version, or with a
 * valid API key; a request for a WebSocket also with a ticket. Everything else is the same 401: a stranger must not learn why.
 */
export function authentication({ tokens, accounts, tickets, clock, gate }: AuthenticationDeps): Admission {
  const known = new ProofCache();
  const options = {
    // The types of koa-jwt lack KeyObject, which jsonwebtoken accepts. A string costs forty times
    // as much.
    secret: async ({ kid }: { kid?: unknown }) => tokens.keyOf(kid) as unknown as Buffer,
    key: 'token',
    tokenKey: 'sentToken',
    algorithms: [TOKEN_ALGORITHM],
    issuer: TOKEN_ISSUER,
    // A getter, because each verification needs the current time.
    get clockTimestamp() {
      return Math.floor(clock.now() / 1000);
    },
  };
  const verify = jwt(options);

  /** Returns undefined for invalid credentials. */
  async function proofIn(ctx: Context, header: string): Promise<Proof | undefined> {
    const ticket = header === '' ? offeredTicket(ctx.req) : undefined;
    if (ticket !== undefined) return ticketProof(ctx, ticket);
    const apiKey = canonicalKey(/^Bearer (\w{3}_[\w-]{43,64})$/i.exec(header)?.[1] ?? '');
    if (apiKey !== undefined) return accounts.keyProof(apiKey);
    try {
      await verify(ctx, nothing);
    } catch {
      return undefined;
    }
    const proof = tokenProof(ctx.state.token);
    const key = tokens.keyOf(kidOf(ctx.state.sentToken));
    if (proof !== undefined && key !== undefined) known.keep(header, { proof, key });
    return proof;
  }

  /** A ticket that does not fit is spent too. */
  function ticketProof(ctx: Context, ticket: string): Proof | undefined {
    if (!asksForUpgrade(ctx.req)) return undefined;
    const found = tickets.redeem(ticket);
    return found !== undefined && isFor(found, ctx.path) ? found.proof : undefined;
  }

  function judged(proof: Proof): Caller | undefined {
    const caller = clock.now() < proof.expiresAtMs ? accounts.callerOf(proof) : undefined;
    return caller === undefined ? undefined : { ...caller, now: () => judged(proof) };
  }

  function admit(ctx: Context, proof: Proof, caller: Caller): boolean {
    ctx.state[PROVED] = { caller, proof } satisfies Proved;
    return gate.admit(ctx, caller, proof);
  }

  /** Charges the request to the stranger's budget before the expensive verification. */
  async function admitUnknown(ctx: Context, header: string): Promise<boolean> {
    if (!gate.stranger(ctx)) return false;
    const proof = await proofIn(ctx, header);
    const caller = proof === undefined ? undefined : judged(proof);
    if (proof === undefined || caller === undefined) {
      refuse(ctx, NO_TOKEN.refusal);
      return false;
    }
    gate.refundStranger(ctx);
    return admit(ctx, proof, caller);
  }

  return (ctx) => {
    const { authorization: header = '' } = ctx.req.headers;
    const found = known.find(header, ctx.req.socket, tokens.isTrusted);
    const caller = found === undefined ? undefined : judged(found);
    return found === undefined || caller === undefined ? admitUnknown(ctx, header) : admit(ctx, found, caller);
  };
}

const PATHS: Readonly<Record<RequestTicket['use'], RegExp>> = {
  attach: /^processes\/[^/]+\/attach\/?$/,
  port: /^ports\/\d+\/?$/,
};

function isFor({ use, session }: RequestTicket, path: string): boolean {
  const below = `${BASE}/sessions/${session}/`;
  return path.toLowerCase().startsWith(below) && PATHS[use].test(path.slice(below.length));
}

const nothing = async () => {};

/** Claims of a verified token. */
function kidOf(token: unknown): unknown {
  return typeof token === 'string' ? jsonwebtoken.decode(token, { complete: true })?.header.kid : undefined;
}

function tokenProof(claims: unknown): Proof | undefined {
  if (typeof claims !== 'object' || claims === null) return undefined;
  const { aid, ver, exp, jti } = claims as Readonly<Record<string, unknown>>;
  if (typeof aid !== 'string' || !isUuid<AccountId>(aid) || typeof ver !== 'number' || typeof exp !== 'number') return undefined;
  if (typeof jti !== 'string') return undefined;
  return { kind: 'token', tokenId: jti, accountId: aid, version: ver, expiresAtMs: exp * 1000 };
}

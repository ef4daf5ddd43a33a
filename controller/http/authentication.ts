import type { Context, Middleware } from 'koa';
import jwt from 'koa-jwt';
import type { Clock } from '../../seams/clock.ts';
import type { AccountId } from '../domain/ids.ts';
import { refused } from '../domain/outcome.ts';
import type { Accounts, Caller } from '../services/api.ts';
import { TOKEN_ALGORITHM, TOKEN_ISSUER, type Tokens } from '../services/tokens.ts';
import { refuse } from './errors.ts';
import { isUuid } from './ids.ts';

/** What a token proves, kept for streams, which outlive the check of a request. */
export interface Proof {
  readonly accountId: AccountId;
  readonly version: number;
  /** Unix milliseconds. */
  readonly expiresAtMs: number;
}

const callers = new WeakMap<Context, { caller: Caller; proof: Proof }>();

/** Whoever asks: undefined on public routes. */
export const callerOf = (ctx: Context): Caller | undefined => callers.get(ctx)?.caller;

/** Throws on public routes, where nobody is proved. */
export function proofOf(ctx: Context): Proof {
  const found = callers.get(ctx);
  if (found === undefined) throw new Error('The request was not authenticated');
  return found.proof;
}

/**
 * Lets a request pass that carries a good token of an account that is still there, active, and of the token's version.
 * All else is one 401 that does not tell why: neither the token nor the reason is of use to a stranger.
 */
export function authentication(tokens: Tokens, accounts: Accounts, clock: Clock): Middleware {
  const options = {
    // The types of koa-jwt know no KeyObject; jsonwebtoken below it wants one (a string costs forty times as much).
    secret: tokens.key as unknown as Buffer,
    key: 'token',
    algorithms: [TOKEN_ALGORITHM],
    issuer: TOKEN_ISSUER,
    // Read at each verification: the time is the clock's.
    get clockTimestamp() {
      return Math.floor(clock.now() / 1000);
    },
  };
  const verify = jwt(options);
  return async (ctx, next) => {
    try {
      await verify(ctx, nothing);
    } catch {
      return deny(ctx);
    }
    const proof = proofIn(ctx.state.token);
    const caller = proof && accounts.caller(proof.accountId, proof.version);
    if (proof === undefined || caller === undefined) return deny(ctx);
    callers.set(ctx, { caller, proof });
    return next();
  };
}

const nothing = async () => {};

function deny(ctx: Context): void {
  ctx.set('WWW-Authenticate', 'Bearer realm="raworc"');
  refuse(ctx, refused('UNAUTHORIZED', 'A valid token is needed: POST /api/v0/auth/login gives one').refusal);
}

function proofIn(claims: unknown): Proof | undefined {
  if (typeof claims !== 'object' || claims === null || !('aid' in claims) || !('ver' in claims) || !('exp' in claims)) return undefined;
  const { aid, ver, exp } = claims;
  if (typeof aid !== 'string' || !isUuid<AccountId>(aid) || typeof ver !== 'number' || typeof exp !== 'number') return undefined;
  return { accountId: aid, version: ver, expiresAtMs: exp * 1000 };
}

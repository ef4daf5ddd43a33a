import type { Context, Middleware } from 'koa';
import type { RefusalCode } from '../../contract/errors.ts';
import type { Actor, Attribution, Thing } from '../../domain/audit/audit.ts';
import { attributed, type Caller } from '../../services/access/caller.ts';
import type { Proof } from '../../services/access/proof.ts';
import type { Audit } from '../../services/audit/audit-service.ts';
import { provedOf } from '../access/authentication.ts';
import { thingOf } from './audit-thing.ts';
import { refusalOf } from './errors.ts';
import { operationOf } from './operation-name.ts';
import type { Route } from './route.ts';

const NOBODY: Actor = { type: 'Anonymous', id: null, name: null };

const credentialOf = (proof: Proof): string => (proof.kind === 'token' ? `token:${proof.tokenId}` : `key:${proof.keyId}`);

/** Returns who makes this request, with which credential, from where, and on which resource. */
export function attributionOf(ctx: Context, action: string, thing: Thing): Attribution {
  const proved = provedOf(ctx);
  return {
    actor: proved === undefined ? NOBODY : { type: 'ServiceAccount', id: proved.caller.accountId, name: proved.caller.user },
    credential: proved === undefined ? null : credentialOf(proved.proof),
    address: ctx.ip || null,
    requestId: String(ctx.state.requestId),
    action,
    thing,
  };
}

/** Attributes and records the requests of one route. */
export interface RouteAudit {
  /** Records a refusal after it was sent. */
  refused(ctx: Context): void;
  /** Returns whether the request must be recorded before it is answered. */
  isNoted(ctx: Context): boolean;
  attribution(ctx: Context): Attribution;
  attribute(ctx: Context, caller: Caller): Caller;
}

/**
 * Returns whether to record a refusal: unknown caller, missing permission, hidden resource, or
 * password guessing.
 */
function isRecorded({ path }: Route, code: RefusalCode, isHidden: boolean): boolean {
  if (code === 'RATE_LIMITED') return path === '/auth/login' || path.endsWith('/password');
  return code === 'UNAUTHORIZED' || code === 'FORBIDDEN' || (code === 'NOT_FOUND' && isHidden);
}

/** Records a refusal outside the routes of the API. */
export function recordRefusalAside(
  path: string,
  action: string,
  kind: string,
  audit: Pick<Audit, 'refused'>,
  page: Middleware,
): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== path) return next();
    await page(ctx, next);
    const refusal = refusalOf(ctx);
    if (refusal?.code === 'UNAUTHORIZED' || refusal?.code === 'FORBIDDEN')
      audit.refused(attributionOf(ctx, action, { kind, ref: null, space: null }), refusal.code);
  };
}

export function routeAudit(route: Route, routes: readonly Route[], audit: Pick<Audit, 'refused'>): RouteAudit {
  const action = operationOf(route, routes);
  const { recorded } = route;
  const attribution = (ctx: Context) => {
    const thing = thingOf(route, ctx.params);
    return attributionOf(ctx, action, typeof ctx.state.madeToken === 'string' ? { ...thing, ref: ctx.state.madeToken } : thing);
  };
  return {
    isNoted: (ctx) => recorded === 'noted' || (recorded === 'values' && String(ctx.query.show_values).toLowerCase() === 'true'),
    attribution,
    attribute: (ctx, caller) => (recorded === 'change' ? attributed(caller, attribution(ctx)) : caller),
    refused(ctx) {
      const refusal = refusalOf(ctx);
      if (refusal === undefined || !isRecorded(route, refusal.code, refusal.hidden === true)) return;
      const about = attribution(ctx);
      const tried = typeof ctx.state.triedUser === 'string' ? { thing: { ...about.thing, ref: ctx.state.triedUser } } : {};
      audit.refused({ ...about, ...tried }, refusal.code);
    },
  };
}

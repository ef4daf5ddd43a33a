import type { Context, Middleware } from 'koa';
import type { Clock } from '../../../seams/clock.ts';
import { STALE } from '../../domain/access/refusals.ts';
import { accepted, type Outcome, refusalFor, refused } from '../../domain/engine/outcome.ts';
import type { Caller, Idempotency } from '../../services/access/caller.ts';
import type { Audit } from '../../services/audit/audit-service.ts';
import type { SpaceLookup } from '../../services/budget/space-lookup.ts';
import { JsonText } from '../../services/engine/json-text.ts';
import { type Admission, callerOf } from '../access/authentication.ts';
import { type BudgetGate, setSpace } from '../access/budget-gate.ts';
import { bodyBounds, readJson } from '../input/body.ts';
import type { Query } from '../input/check.ts';
import { answerFault } from './answer-check.ts';
import { type RouteAudit, routeAudit } from './auditing.ts';
import { refuse } from './errors.ts';
import { idempotencyOf } from './idempotency.ts';
import { type Answer, BASE, type Route, type Sent } from './route.ts';
import { RouteTable } from './route-table.ts';

export interface RegisterDeps {
  readonly authentication: Admission;
  readonly gate: BudgetGate;
  readonly spaces: SpaceLookup | undefined;
  readonly clock: Clock;
  readonly checkAnswers: boolean;
  readonly audit: Pick<Audit, 'note' | 'refused'>;
}

/** All routes, as two middlewares with the pages outside the API between them. */
export interface Registered {
  /** Answers requests that match a route. */
  readonly answer: Middleware;
  /** Answers requests that nothing else matched. */
  readonly unmatched: Middleware;
}

/**
 * Serves the routes below the base path, all but the public ones behind `authentication`. Unknown
 * paths are 404 and wrong methods 405 before any token is checked: the list of routes is public
 * anyway.
 */
export function registered(routes: readonly Route[], deps: RegisterDeps): Registered {
  const table = new RouteTable<(ctx: Context) => Promise<void>>(BASE);
  for (const route of routes) table.add(route.method, route.path, answering(route, routes, deps), route.rest);
  return {
    answer(ctx, next) {
      const found = table.find(ctx.req.method ?? '', ctx.request.path);
      if (found === undefined) return next();
      ctx.params = found.params;
      return found.value(ctx);
    },
    unmatched: (ctx) => unmatched(ctx, table, deps.gate),
  };
}

/**
 * Returns the handler that admits, answers and audits requests of a route. A read that waits for
 * nothing runs without a promise.
 */
function answering(route: Route, routes: readonly Route[], deps: RegisterDeps): (ctx: Context) => Promise<void> {
  const { authentication, gate, checkAnswers } = deps;
  const recorded = routeAudit(route, routes, deps.audit);
  const admission: Admission = route.permission === 'public' ? (ctx) => gate.stranger(ctx) : authentication;
  return async (ctx) => {
    const admitted = admission(ctx);
    if (admitted === true || (await admitted)) {
      ctx.state.route = route.path;
      const pending = answerOf(route, ctx, recorded, deps);
      const answer = pending instanceof Promise ? await pending : pending;
      // Reads are recorded before the answer leaves.
      if (answer?.ok === true && recorded.isNoted(ctx)) await deps.audit.note(recorded.attribution(ctx));
      if (answer !== undefined) reply(ctx, answer);
      const fault = checkAnswers ? answerFault(route, ctx) : undefined;
      if (fault !== undefined) throw new Error(fault);
    }
    recorded.refused(ctx);
  };
}

function reply(ctx: Context, answer: Outcome<Answer | undefined>): void {
  if (!answer.ok) return refuse(ctx, refusalFor(answer.refusal, seesNodes(ctx)));
  if (answer.value === undefined) return;
  const { status, body } = answer.value;
  const { res, response } = ctx;
  response.status = status;
  if (body === undefined) return;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  // As text, so that Koa knows its size.
  response.body = body instanceof JsonText ? body.text : JSON.stringify(body);
}

function seesNodes(ctx: Context): boolean {
  const caller = callerOf(ctx);
  return caller.ok && caller.value?.permissions.allows('nodes', 'list', null) === true;
}

/** Bound for a caller whose permissions keep changing. */
const MAX_JUDGED_AGAIN = 10;

const NO_QUERY: Query = Object.freeze({});

/** Undefined if a budget refused and answered the request. */
type Answered = Outcome<Answer | undefined> | undefined;

/** Synchronous for a read that waits for nothing. */
function answerOf(route: Route, ctx: Context, recorded: RouteAudit, deps: RegisterDeps): Promise<Answered> | Answered {
  if (route.method !== 'GET') return changed(route, ctx, recorded, deps);
  if (route.mayStream === true || route.answers[200] === 'event-stream') {
    const caller = callerOf(ctx);
    if (!caller.ok) return caller;
    if (caller.value !== undefined) setSpace(ctx, deps.spaces?.(caller.value, ctx.params, {}));
  }
  return judged(route, sentBy(ctx, {}, undefined), recorded);
}

async function changed(route: Route, ctx: Context, recorded: RouteAudit, { gate, spaces, clock }: RegisterDeps): Promise<Answered> {
  const sent = await bodyOf(route, ctx, clock, gate);
  if (!sent.ok) return sent;
  const header = route.creates === true ? ctx.get('Idempotency-Key') : '';
  const idempotency = idempotencyOf(header, ctx.method, ctx.path.replace(/\/$/, ''), sent.value);
  if (!idempotency.ok) return idempotency;
  const caller = callerOf(ctx);
  if (!caller.ok) return caller;
  if (caller.value !== undefined) {
    setSpace(ctx, spaces?.(caller.value, ctx.params, sent.value));
    if (!gate.change(ctx)) return undefined;
    // Uploads last as long as the client sends, and have turns of their own.
    if (route.raw === undefined) await gate.takeTurn(ctx);
  }
  return judged(route, sentBy(ctx, sent.value, idempotency.value), recorded);
}

const sentBy = (ctx: Context, body: unknown, idempotency: Idempotency | undefined): Sent => ({
  ctx,
  params: ctx.params,
  query: ctx.request.querystring === '' ? NO_QUERY : ctx.query,
  body,
  idempotency,
});

/** Returns the route's answer, recomputed if the caller's permissions changed meanwhile. */
function judged(route: Route, request: Sent, recorded: RouteAudit, again = 0): Promise<Answered> | Answered {
  const caller = callerOf(request.ctx);
  if (!caller.ok) return caller;
  const settle = (answer: Outcome<Answer | undefined>) => {
    if (!isStale(route, answer, caller.value)) return answer;
    return again === MAX_JUDGED_AGAIN ? STALE : judged(route, request, recorded, again + 1);
  };
  const answer = route.handle(request, caller.value === undefined ? undefined : recorded.attribute(request.ctx, caller.value));
  return answer instanceof Promise ? answer.then(settle) : settle(answer);
}

/**
 * Returns whether permissions changed since they were checked: for a change when it is decided, for
 * a read at its end. Streams and pages check for themselves.
 */
function isStale({ method }: Route, answer: Outcome<unknown>, caller: Caller | undefined): boolean {
  if (!answer.ok) return answer.refusal.stale === true;
  return method === 'GET' && answer.value !== undefined && caller?.isCurrent?.() === false;
}

function bodyOf(route: Route, ctx: Context, clock: Clock, gate: BudgetGate): Promise<Outcome<unknown>> | Outcome<unknown> {
  if (route.raw !== undefined || route.method === 'DELETE') return accepted({});
  const { grow } = gate.openBody(ctx);
  return readJson(ctx.req, { ...bodyBounds({ isPublic: route.permission === 'public' }), clock, grow });
}

/**
 * No route matches: 405 with Allow if the path has other methods, 204 with Allow for OPTIONS, else
 * 404.
 */
function unmatched(ctx: Context, table: RouteTable<unknown>, gate: BudgetGate): void {
  if (!gate.stranger(ctx)) return;
  const methods = table.methodsOf(ctx.path);
  if (methods.length === 0) return refuse(ctx, refused('NOT_FOUND', `The path ${ctx.path.slice(0, 200)} does not exist.`).refusal);
  ctx.set('Allow', [...new Set([...methods, 'OPTIONS'])].join(', '));
  if (ctx.method === 'OPTIONS') ctx.status = 204;
  else
    refuse(ctx, refused('METHOD_NOT_ALLOWED', `${ctx.method} is not supported here. The Allow header lists the methods that are.`).refusal);
}

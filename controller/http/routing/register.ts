import Router from '@koa/router';
import type Koa from 'koa';
import type { Context, Middleware } from 'koa';
import type { Clock } from '../../../seams/clock.ts';
import type { Query } from '../../contract/query.ts';
import { accepted, type Outcome, refusalFor, refused } from '../../domain/engine/outcome.ts';
import type { Audit } from '../../services/audit/audit-service.ts';
import type { Holding } from '../../services/budget/budgets.ts';
import type { SpaceLookup } from '../../services/budget/space-lookup.ts';
import { STALE } from '../../services/engine/applier.ts';
import type { Caller } from '../../services/engine/caller.ts';
import { JsonText } from '../../services/engine/json-text.ts';
import { callerOf } from '../access/authentication.ts';
import { type BudgetGate, endTurn, workIn } from '../access/budget-gate.ts';
import { bodyBounds, readJson } from '../input/body.ts';
import { answerFault } from './answer-check.ts';
import { isNoted } from './audit-routes.ts';
import { type RouteAudit, routeAudit } from './auditing.ts';
import { refuse } from './errors.ts';
import { idempotencyOf } from './idempotency.ts';
import { BASE, type Route } from './route.ts';

export interface Registering {
  readonly authentication: Middleware;
  readonly gate: BudgetGate;
  readonly spaces: SpaceLookup | undefined;
  readonly clock: Clock;
  readonly checkAnswers: boolean;
  readonly audit: Pick<Audit, 'note' | 'refused'>;
}

/**
 * Puts the routes below the base path: the public ones as they are, the others behind `authentication`. Unknown paths are 404
 * and wrong methods 405 before any token is looked at: both follow from the published list of routes alone and tell nothing.
 */
export function register(koa: Koa, routes: readonly Route[], deps: Registering): void {
  const wings = new Map<string, Middleware>();
  const nothing = unmatched(undefined, deps.gate);
  for (const [shape, some] of Map.groupBy(routes, ({ path }) => shapeOf(BASE + path))) {
    wings.set(shape, wingOf(some, routes, deps));
  }
  koa.use((ctx, next) => (wings.get(shapeOf(ctx.path)) ?? nothing)(ctx, next));
}

/** The first word below the base path, and how many there are. A request is compared with those routes alone that have the same. */
function shapeOf(path: string): string {
  if (!path.startsWith(`${BASE}/`)) return '';
  const words = path.slice(BASE.length + 1).split('/');
  // A slash at the end makes no difference.
  return `${words[0]} ${words.at(-1) === '' ? words.length - 1 : words.length}`;
}

function wingOf(routes: readonly Route[], all: readonly Route[], deps: Registering): Middleware {
  const { authentication, gate, checkAnswers, audit } = deps;
  const asStranger: Middleware = (ctx, next) => (gate.stranger(ctx) ? next() : undefined);
  const router = new Router({ prefix: BASE, sensitive: true });
  for (const one of routes) {
    const recorded = routeAudit(one, all, audit);
    const answer = async (ctx: Context) => {
      await serve(one, ctx, recorded, deps);
      const fault = checkAnswers ? answerFault(one, ctx) : undefined;
      if (fault !== undefined) throw new Error(fault);
    };
    const path = one.path.replaceAll(/\{(\w+)\}/g, ':$1');
    router.register(
      path,
      [one.method],
      one.permission === 'public' ? [recorded.refusals, asStranger, answer] : [recorded.refusals, authentication, answer],
    );
  }
  // By its types a router wants a context with what it adds itself.
  const matched = router.routes() as Middleware;
  const last = unmatched(router, gate);
  return (ctx, next) => matched(ctx, () => last(ctx, next));
}

async function serve(route: Route, ctx: Context, recorded: RouteAudit, deps: Registering): Promise<void> {
  ctx.state.route = route.path;
  const held = deps.gate.openBody(ctx);
  try {
    await answerWith(route, ctx, recorded, deps, held);
  } finally {
    endTurn(ctx);
    held.release();
  }
}

async function answerWith(route: Route, ctx: Context, recorded: RouteAudit, deps: Registering, held: Holding): Promise<void> {
  const answer = await answerOf(route, ctx, recorded, deps, held);
  // Refused by a budget, which has answered.
  if (answer === undefined) return;
  if (!answer.ok) {
    refuse(ctx, refusalFor(answer.refusal, seesNodes(ctx)));
    return;
  }
  // Nobody sees what is not recorded: the answer leaves after this.
  if (isNoted(route, ctx.query)) await deps.audit.note(recorded.attribution(ctx));
  if (answer.value === undefined) return;
  const { status, body } = answer.value;
  ctx.status = status;
  if (body instanceof JsonText) {
    ctx.type = 'json';
    ctx.body = body.text;
  } else if (body !== undefined) {
    // As text, whose size is known.
    ctx.type = 'json';
    ctx.body = JSON.stringify(body);
  }
}

function seesNodes(ctx: Context): boolean {
  const caller = callerOf(ctx);
  return caller.ok && caller.value?.permissions.allows('nodes', 'list', null) === true;
}

/** Requests whose caller's rights change all the time are refused in the end. */
const MOST_JUDGED_AGAIN = 10;

const NO_QUERY: Query = Object.freeze({});

async function answerOf(route: Route, ctx: Context, recorded: RouteAudit, { gate, spaces, clock }: Registering, held: Holding) {
  const sent = await bodyOf(route, ctx, clock, held);
  if (!sent.ok) return sent;
  const header = route.creates === true ? ctx.get('Idempotency-Key') : '';
  const idempotency = idempotencyOf(header, ctx.method, ctx.path.replace(/\/$/, ''), sent.value);
  if (!idempotency.ok) return idempotency;
  const caller = callerOf(ctx);
  if (!caller.ok) return caller;
  if (caller.value !== undefined) {
    const isRead = route.method === 'GET';
    if (!isRead || route.mayStream === true || route.answers[200] === 'event-stream')
      workIn(ctx, spaces?.(caller.value, ctx.params, sent.value));
    if (!isRead && !gate.change(ctx)) return undefined;
    // An upload takes as long as its client sends, and waits for a turn of its own.
    if (!isRead && route.raw === undefined) await gate.takeTurn(ctx);
  }
  const exchange = {
    ctx,
    params: ctx.params,
    query: ctx.querystring === '' ? NO_QUERY : ctx.query,
    body: sent.value,
    idempotency: idempotency.value,
  };
  for (let again = 0; ; again += 1) {
    const caller = callerOf(ctx);
    if (!caller.ok) return caller;
    const answer = await route.handle(exchange, caller.value === undefined ? undefined : recorded.attribute(ctx, caller.value));
    if (!isStale(route, answer, caller.value)) return answer;
    if (again === MOST_JUDGED_AGAIN) return STALE;
  }
}

/** Whether it was judged by rights that are not those of now: a change in its turn, a read at its end. A stream, and a page, judge for themselves. */
function isStale({ method }: Route, answer: Outcome<unknown>, caller: Caller | undefined): boolean {
  if (!answer.ok) return answer.refusal.stale === true;
  return method === 'GET' && answer.value !== undefined && caller?.isCurrent?.() === false;
}

function bodyOf(route: Route, ctx: Context, clock: Clock, { grow }: Holding): Promise<Outcome<unknown>> | Outcome<unknown> {
  if (route.raw !== undefined || route.method === 'GET' || route.method === 'DELETE') return accepted({});
  return readJson(ctx.req, { ...bodyBounds({ isPublic: route.permission === 'public' }), clock, grow });
}

/** No route answered: 405 with Allow where the path has other methods, 204 with Allow for OPTIONS, else 404. */
function unmatched(router: Router | undefined, gate: BudgetGate): Middleware {
  return (ctx) => {
    if (!gate.stranger(ctx)) return;
    const methods = router?.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods) ?? [];
    if (methods.length === 0) return refuse(ctx, refused('NOT_FOUND', `There is no ${ctx.path.slice(0, 200)} here`).refusal);
    ctx.set('Allow', [...new Set([...methods, 'OPTIONS'])].join(', '));
    if (ctx.method === 'OPTIONS') ctx.status = 204;
    else refuse(ctx, refused('METHOD_NOT_ALLOWED', `${ctx.method} is not allowed here; Allow lists what is`).refusal);
  };
}

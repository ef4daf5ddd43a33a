import type { Context } from 'koa';
import { errorObject, STATUS_OF } from '../../contract/errors.ts';
import { refusalsOf } from '../document/refusals.ts';
import type { AnswerBody, Route, Status } from './route.ts';

/**
 * Returns how an answer deviates from its route's schema, or undefined. For tests and development.
 */
export function answerFault(route: Route, ctx: Context): string | undefined {
  // Streams bypass Koa.
  if (ctx.respond === false) return undefined;
  const where = `${route.method} ${route.path} answered ${ctx.status}`;
  const body = route.answers[ctx.status as Status];
  if (body !== undefined) return fitFault(where, body, answered(ctx));
  const isRefusal = [...refusalsOf(route)].some((code) => STATUS_OF[code] === ctx.status);
  return isRefusal ? fitFault(where, errorObject, ctx.body) : `${where}, which the route does not declare: ${JSON.stringify(ctx.body)}`;
}

/** Parses a body that is already JSON text. */
function answered({ body, response }: Context): unknown {
  return typeof body === 'string' && response.is('json') ? JSON.parse(body) : body;
}

function fitFault(where: string, expected: AnswerBody, body: unknown): string | undefined {
  if (expected === 'event-stream' || expected === 'web-socket') return undefined;
  if (expected === 'nothing') return body === undefined || body === null ? undefined : `${where} with a body`;
  // Compares what arrives: JSON drops undefined fields.
  const result = expected.safeParse(JSON.parse(JSON.stringify(body)));
  if (result.success) return undefined;
  const [first] = result.error.issues;
  return `${where}, and ${first?.path.join('.') || 'the body'} does not fit its schema: ${first?.message ?? ''}`;
}

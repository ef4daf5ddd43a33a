import type { Context } from 'koa';
import { errorObject } from '../../contract/errors.ts';
import { refusalsOf } from '../document/openapi.ts';
import { STATUS_OF } from './errors.ts';
import type { AnswerBody, Route, Status } from './route.ts';

/** What is wrong with an answer, by what its route says of itself; undefined when nothing is. For tests and for development. */
export function answerFault(route: Route, ctx: Context): string | undefined {
  // A stream, which answers past Koa.
  if (ctx.respond === false) return undefined;
  const where = `${route.method} ${route.path} answered ${ctx.status}`;
  const body = route.answers[ctx.status as Status];
  if (body !== undefined) return fitFault(where, body, answered(ctx));
  const isRefusal = [...refusalsOf(route)].some((code) => STATUS_OF[code] === ctx.status);
  return isRefusal ? fitFault(where, errorObject, ctx.body) : `${where}, which it does not say: ${JSON.stringify(ctx.body)}`;
}

/** JSON that was written before is looked at as what it says. */
function answered({ body, response }: Context): unknown {
  return typeof body === 'string' && response.is('json') ? JSON.parse(body) : body;
}

function fitFault(where: string, expected: AnswerBody, body: unknown): string | undefined {
  if (expected === 'event-stream') return undefined;
  if (expected === 'nothing') return body === undefined || body === null ? undefined : `${where} with a body`;
  // As it arrives: what JSON leaves out is not there.
  const result = expected.safeParse(JSON.parse(JSON.stringify(body)));
  if (result.success) return undefined;
  const [first] = result.error.issues;
  return `${where}, and ${first?.path.join('.') || 'the body'} does not fit its schema: ${first?.message ?? ''}`;
}

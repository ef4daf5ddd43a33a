import type { Middleware } from 'koa';
import type { Random } from '../../../seams/random.ts';

const SANE = /^[A-Za-z0-9._:-]{1,128}$/;

/** Every response has X-Request-Id; a sane one of the client's is kept. Also in `ctx.state.requestId`. */
export function requestId(random: Random): Middleware {
  return (ctx, next) => {
    const sent = ctx.get('X-Request-Id');
    const id = SANE.test(sent) ? sent : random.uuid();
    ctx.state.requestId = id;
    ctx.set('X-Request-Id', id);
    return next();
  };
}

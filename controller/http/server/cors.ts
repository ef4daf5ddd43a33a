import type { Middleware } from 'koa';

const EXPOSED = 'X-Request-Id, X-Total-Count, X-Page-Offset, X-Page-Limit, X-Raworc-Wait, Retry-After, RateLimit, RateLimit-Policy';
const ALLOWED_HEADERS = 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id';
const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const PREFLIGHT_KEPT_S = '600';

/** Lets pages of the `origins` call the API ("*": any page, which is safe without cookies). None: the same origin only. */
export function cors(origins: readonly string[]): Middleware {
  return (ctx, next) => {
    const origin = ctx.get('Origin');
    if (origin === '' || origins.length === 0) return next();
    ctx.vary('Origin');
    if (!origins.includes(origin) && !origins.includes('*')) return next();
    ctx.set('Access-Control-Allow-Origin', origin);
    if (ctx.method === 'OPTIONS' && ctx.get('Access-Control-Request-Method') !== '') {
      ctx.set('Access-Control-Allow-Methods', ALLOWED_METHODS);
      ctx.set('Access-Control-Allow-Headers', ALLOWED_HEADERS);
      ctx.set('Access-Control-Max-Age', PREFLIGHT_KEPT_S);
      ctx.status = 204;
      return;
    }
    ctx.set('Access-Control-Expose-Headers', EXPOSED);
    return next();
  };
}

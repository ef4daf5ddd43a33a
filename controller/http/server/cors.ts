import type { Context } from 'koa';

const EXPOSED = 'X-Request-Id, X-Total-Count, X-Page-Offset, X-Page-Limit, X-Raworc-Wait, Retry-After, RateLimit, RateLimit-Policy';
const ALLOWED_HEADERS = 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id';
const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const PREFLIGHT_KEPT_S = '600';

/**
 * Lets pages of the `origins` call the API ("*": any page, which is safe without cookies). Without
 * origins, only pages of the same origin can. Returns true for a preflight request that it has
 * answered.
 */
export function cors(origins: readonly string[]): (ctx: Context) => boolean {
  return (ctx) => {
    const { origin = '' } = ctx.req.headers;
    if (origin === '' || origins.length === 0) return false;
    ctx.vary('Origin');
    if (!origins.includes(origin) && !origins.includes('*')) return false;
    ctx.set('Access-Control-Allow-Origin', origin);
    if (ctx.method === 'OPTIONS' && ctx.get('Access-Control-Request-Method') !== '') {
      ctx.set('Access-Control-Allow-Methods', ALLOWED_METHODS);
      ctx.set('Access-Control-Allow-Headers', ALLOWED_HEADERS);
      ctx.set('Access-Control-Max-Age', PREFLIGHT_KEPT_S);
      ctx.status = 204;
      return true;
    }
    ctx.set('Access-Control-Expose-Headers', EXPOSED);
    return false;
  };
}

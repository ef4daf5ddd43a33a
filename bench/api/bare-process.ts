/** The baseline for the API: a bare Koa route that returns the same body. */
import Router from '@koa/router';
import Koa from 'koa';
import { processorMs, profile, profiled } from './profiler.ts';
import { serve } from './remote.ts';

/** Serves each body under its name. Resolves to the port. */
function listen(bodies: Readonly<Record<string, unknown>>): Promise<number> {
  const koa = new Koa();
  const router = new Router();
  for (const [name, body] of Object.entries(bodies)) {
    router.get(`/${name}`, (ctx) => {
      ctx.body = body;
    });
  }
  koa.use(router.routes());
  return new Promise((resolve, reject) => {
    const server = koa.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
    });
    server.once('error', reject);
  });
}

const duties = { listen, processorMs, profile, profiled };
export type BareDuties = typeof duties;
serve(duties);

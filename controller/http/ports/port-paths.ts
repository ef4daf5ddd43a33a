import type { Context, Middleware } from 'koa';
import type { SessionId } from '../../domain/engine/ids.ts';
import { refusalFor } from '../../domain/engine/outcome.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { Audit } from '../../services/audit/audit-service.ts';
import type { SpaceLookup } from '../../services/budget/space-lookup.ts';
import type { Ports } from '../../services/ports/port-service.ts';
import { type Admission, callerOf, proofOf } from '../access/authentication.ts';
import { payerIn, setSpace } from '../access/budget-gate.ts';
import { isUuid } from '../input/ids.ts';
import { attributionOf } from '../routing/auditing.ts';
import { refusalOf, refuse } from '../routing/errors.ts';
import { BASE } from '../routing/route.ts';
import { schemeOf } from './client-scheme.ts';
import { portIn } from './port-number.ts';
import { type PortProxyDeps, proxyRequest } from './port-proxy.ts';

/** How metrics, audit and errors call these requests. */
export const PORT_ROUTE = '/sessions/{id}/ports/{port}/{rest}';
export const PORT_OPERATION = 'usePort';
const PATH = new RegExp(`^(${BASE}/sessions/([^/?#]+)/ports/([^/?#]+))(/[^?#]*)(\\?[^#]*)?$`);
/** The paths below a port that are the API's own. */
const OWN = /^\/share\/?$/;

export interface PortPathsDeps extends PortProxyDeps {
  readonly authentication: Admission;
  readonly ports: Ports;
  readonly audit: Pick<Audit, 'refused'>;
  readonly spaces: SpaceLookup | undefined;
}

/**
 * Passes requests below `/sessions/{id}/ports/{port}/` to the program, with any method. They share
 * the API's origin, so they take the Authorization header only, never a cookie, and what the program
 * answers is sandboxed.
 */
export function portPaths(deps: PortPathsDeps): Middleware {
  const { authentication, audit } = deps;
  const answer = async (ctx: Context, prefix: string, id: string, port: string, target: string) => {
    ctx.state.route = PORT_ROUTE;
    if (await authentication(ctx)) await pass(ctx, { prefix, id: id.toLowerCase(), port: portIn(port), target }, deps);
    const refusal = refusalOf(ctx);
    if (refusal?.code === 'UNAUTHORIZED' || refusal?.code === 'FORBIDDEN' || refusal?.hidden === true)
      audit.refused(
        attributionOf(ctx, PORT_OPERATION, { kind: 'sessions', ref: isUuid(id.toLowerCase()) ? id : null, space: null }),
        refusal.code,
      );
  };
  return (ctx, next) => {
    const [, prefix, id = '', port = '', path = '/', query = ''] = PATH.exec(ctx.req.url ?? '') ?? [];
    const isOurs = prefix === undefined || (OWN.test(path) && (ctx.method === 'POST' || ctx.method === 'DELETE'));
    return isOurs ? next() : answer(ctx, prefix, id, port, `${path}${query}`);
  };
}

interface Wanted {
  readonly prefix: string;
  readonly id: string;
  readonly port: number | undefined;
  readonly target: string;
}

async function pass(ctx: Context, { prefix, id, port, target }: Wanted, deps: PortPathsDeps): Promise<void> {
  const { ports, spaces } = deps;
  const caller = callerOf(ctx);
  if (!caller.ok || caller.value === undefined) return caller.ok ? undefined : refuse(ctx, caller.refusal);
  if (!isUuid<SessionId>(id) || port === undefined) return refuse(ctx, NO_SESSION.refusal);
  const { value } = caller;
  const permitted = ports.permit(value, id);
  if (!permitted.ok) return refuse(ctx, permitted.refusal);
  // A script that serves the whole origin.
  if (ctx.get('Service-Worker') !== '')
    return refuse(ctx, { code: 'FORBIDDEN', message: 'Service workers need the origin of the port: set RAWORC_PREVIEW_DOMAIN.' });
  setSpace(ctx, spaces?.(value, { id }, {}));
  const isAllowed = () => {
    const now: Caller | undefined = value.now();
    return now !== undefined && ports.permit(now, id).ok;
  };
  const done = await proxyRequest(
    ctx,
    {
      target,
      inward: {
        ...{ port, prefix, host: `localhost:${port}`, client: ctx.ip, clientHost: ctx.req.headers.host ?? '', scheme: schemeOf(ctx) },
        isSecret: (key) => key === 'authorization' || key === 'cookie',
      },
      outward: { isShared: true, prefix, port },
      proof: proofOf(ctx),
      isAllowed,
      open: (signal) => ports.connect(value, id, port, payerIn(ctx), signal),
    },
    deps,
  );
  if (!done.ok) refuse(ctx, refusalFor(done.refusal, false));
}

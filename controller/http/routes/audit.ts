import { auditFilter, auditObject } from '../../contract/audit.ts';
import type { RouteContext } from '../app.ts';
import { listRoute, type Route } from '../routing/route.ts';

export function auditRoutes({ services: { audit } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/audit',
      permission: 'audit:list',
      summary: 'Who did what, to which thing, from where, and what came of it; newest first',
      description:
        'Every change, every request that was refused for lack of rights, and the reading of secret values and agents’ logs. With audit:list in one space, `space` must name it.',
      query: auditFilter,
      item: auditObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, query, page }) => audit.list(caller, query, page),
    }),
  ];
}

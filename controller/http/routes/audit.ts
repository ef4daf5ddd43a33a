import { auditFilter, auditObject } from '../../contract/audit.ts';
import { listRoute, type Route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function auditRoutes({ services: { audit } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/audit',
      permission: 'audit:list',
      summary: 'Lists audit records, newest first.',
      description:
        'Records cover every change, every request refused for a missing permission, and reads of secret values and agent logs. With audit:list in one space, `space` must name that space.',
      query: auditFilter,
      item: auditObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, query, page }) => audit.list(caller, query, page),
    }),
  ];
}

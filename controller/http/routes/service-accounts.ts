import { accountObject, changeAccount, changePassword, createAccount, passwordChanged } from '../../contract/access/service-accounts.ts';
import { mapped } from '../../domain/engine/outcome.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function serviceAccountRoutes({ services: { serviceAccounts } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/service-accounts',
      permission: 'service-accounts:list',
      summary: 'Lists the service accounts.',
      item: accountObject,
      respond: ({ caller, page }) => serviceAccounts.list(caller, page),
    }),
    route({
      method: 'POST',
      path: '/service-accounts',
      permission: 'service-accounts:create',
      summary: 'Creates a service account. It has no permissions until you bind a role to it.',
      request: createAccount,
      status: 201,
      answer: accountObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { user: 'ci', pass: 'correct horse battery staple', description: 'Runs the nightly jobs' },
      respond: ({ caller, body }) => serviceAccounts.create(caller, body),
    }),
    route({
      method: 'GET',
      path: '/service-accounts/{id}',
      permission: 'service-accounts:get',
      summary: 'Returns a service account, by id or user name.',
      answer: accountObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => serviceAccounts.get(caller, params.id),
    }),
    route({
      method: 'PUT',
      path: '/service-accounts/{id}',
      permission: 'service-accounts:update',
      summary: 'Updates a service account. Deactivating it revokes its tokens at once.',
      request: changeAccount,
      answer: accountObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { active: false },
      respond: ({ caller, params, body }) => serviceAccounts.update(caller, params.id, body),
    }),
    route({
      method: 'DELETE',
      path: '/service-accounts/{id}',
      permission: 'service-accounts:delete',
      summary: 'Deletes a service account with its role bindings and API keys.',
      description: 'A caller cannot delete its own account. The last admin cannot be deleted.',
      answer: 'nothing',
      refusals: ['NOT_FOUND', 'CONFLICT'],
      respond: ({ caller, params }) => serviceAccounts.remove(caller, params.id),
    }),
    route({
      method: 'PUT',
      path: '/service-accounts/{id}/password',
      permission: 'self or service-accounts:update',
      summary: 'Sets the password of an account and revokes its older tokens.',
      description:
        'Callers without service-accounts:update must send their current password. 403 if the account has more permissions than the caller.',
      request: changePassword,
      answer: passwordChanged,
      refusals: ['NOT_FOUND', 'RATE_LIMITED'],
      example: { current_password: 'correct horse', new_password: 'correct horse battery staple' },
      respond: async ({ caller, params, body }) =>
        mapped(await serviceAccounts.changePassword(caller, params.id, body), () => ({ success: true })),
    }),
  ];
}

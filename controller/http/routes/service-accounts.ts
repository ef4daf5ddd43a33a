import { accountObject, changeAccount, changePassword, createAccount, passwordChanged } from '../../contract/access.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

export function serviceAccountRoutes({ services: { serviceAccounts } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/service-accounts',
      permission: 'service-accounts:list',
      summary: 'The service accounts',
      item: accountObject,
      respond: ({ caller, page }) => serviceAccounts.list(caller, page),
    }),
    route({
      method: 'POST',
      path: '/service-accounts',
      permission: 'service-accounts:create',
      summary: 'A new service account, which may do nothing until a role is bound to it',
      request: createAccount,
      answers: { 201: accountObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { user: 'ci', pass: 'correct horse battery staple', description: 'Runs the nightly jobs' },
      async respond({ caller, body }) {
        const made = await serviceAccounts.create(caller, body);
        return made.ok ? accepted({ status: 201, body: made.value }) : made;
      },
    }),
    route({
      method: 'GET',
      path: '/service-accounts/{id}',
      permission: 'service-accounts:get',
      summary: 'One service account, by id or user name',
      answers: { 200: accountObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const account = serviceAccounts.get(caller, part(params, 'id'));
        return account.ok ? accepted({ status: 200, body: account.value }) : account;
      },
    }),
    route({
      method: 'PUT',
      path: '/service-accounts/{id}',
      permission: 'service-accounts:update',
      summary: 'Changes the description, or whether it is active; an inactive one loses its tokens at once',
      request: changeAccount,
      answers: { 200: accountObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { active: false },
      async respond({ caller, params, body }) {
        const account = await serviceAccounts.update(caller, part(params, 'id'), body);
        return account.ok ? accepted({ status: 200, body: account.value }) : account;
      },
    }),
    route({
      method: 'DELETE',
      path: '/service-accounts/{id}',
      permission: 'service-accounts:delete',
      summary: 'Removes a service account with its bindings and API keys; not oneself, and not the last admin',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      async respond({ caller, params }) {
        const removed = await serviceAccounts.remove(caller, part(params, 'id'));
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
    route({
      method: 'PUT',
      path: '/service-accounts/{id}/password',
      permission: 'self or service-accounts:update',
      summary: 'Sets the password and ends older tokens; one’s own with the current one',
      description:
        'With service-accounts:update no current password is needed, but for an account that may do more than the caller it is a 403.',
      request: changePassword,
      answers: { 200: passwordChanged },
      refusals: ['NOT_FOUND', 'RATE_LIMITED'],
      example: { current_password: 'correct horse', new_password: 'correct horse battery staple' },
      async respond({ caller, params, body }) {
        const changed = await serviceAccounts.changePassword(caller, part(params, 'id'), body);
        return changed.ok ? accepted({ status: 200, body: { success: true } }) : changed;
      },
    }),
  ];
}

import { login, PASSWORD } from './people.ts';
import { anybody, everywhere, type Row, type Stage } from './rows.ts';

const account = async ({ made, unique }: Stage) => {
  const { id, user } = await made('/service-accounts', { user: unique('user'), pass: PASSWORD });
  return { id: String(id), user: String(user) };
};
const role = async ({ made, unique }: Stage) => String((await made('/roles', { name: unique('role'), rules: [] })).name);
const binding = async (stage: Stage) =>
  String((await stage.made('/role-bindings', { role_name: await role(stage), principal: stage.somebody.user })).id);

/** Accounts, roles, bindings, keys, logins. */
export function accessRows(url: string): readonly Row[] {
  return [
    anybody('POST /auth/login', 'public', 200, ({ somebody }) => ({ body: { user: somebody.user, pass: PASSWORD } })),
    anybody('GET /auth/me', 'self', 200),
    anybody('POST /auth/refresh', 'self', 200, ({ somebody }) => ({ token: somebody.token })),
    anybody('POST /auth/logout', 'self', 204, async ({ somebody }) => ({ token: await login(url, somebody.user) })),

    everywhere('GET /service-accounts', 'service-accounts:list', 200, () => ({})),
    everywhere('POST /service-accounts', 'service-accounts:create', 201, ({ unique }) => ({
      body: { user: unique('user'), pass: PASSWORD },
    })),
    everywhere('GET /service-accounts/{id}', 'service-accounts:get', 200, async (stage) => ({
      place: { id: (await account(stage)).user },
    })),
    everywhere('PUT /service-accounts/{id}', 'service-accounts:update', 200, async (stage) => ({
      place: { id: (await account(stage)).id },
      body: { description: 'changed' },
    })),
    everywhere('DELETE /service-accounts/{id}', 'service-accounts:delete', 204, async (stage) => ({
      place: { id: (await account(stage)).id },
    })),
    everywhere('PUT /service-accounts/{id}/password', 'service-accounts:update', 200, async (stage) => ({
      place: { id: (await account(stage)).id },
      body: { new_password: 'another password' },
    })),

    everywhere('GET /roles', 'roles:list', 200, () => ({})),
    everywhere('POST /roles', 'roles:create', 201, ({ unique }) => ({ body: { name: unique('role'), rules: [] } })),
    everywhere('GET /roles/{id}', 'roles:get', 200, async (stage) => ({ place: { id: await role(stage) } })),
    everywhere('DELETE /roles/{id}', 'roles:delete', 204, async (stage) => ({ place: { id: await role(stage) } })),

    everywhere('GET /role-bindings', 'role-bindings:list', 200, () => ({})),
    everywhere('POST /role-bindings', 'role-bindings:create', 201, async (stage) => ({
      body: { role_name: await role(stage), principal: stage.somebody.user },
    })),
    everywhere('GET /role-bindings/{id}', 'role-bindings:get', 200, async (stage) => ({ place: { id: await binding(stage) } })),
    everywhere('DELETE /role-bindings/{id}', 'role-bindings:delete', 204, async (stage) => ({ place: { id: await binding(stage) } })),

    anybody('GET /api-keys', 'self', 200),
    anybody('POST /api-keys', 'self', 201, ({ somebody }) => ({ token: somebody.token, body: { name: 'of the suite' } })),
    // 403 would reveal that another account has this key.
    everywhere(
      'DELETE /api-keys/{id}',
      'service-accounts:update',
      204,
      async ({ somebody }) => {
        const { body } = await somebody.rest.call('POST', '/api-keys', { name: 'to go' });
        const { id } = body as { id: string };
        return { place: { id } };
      },
      { without: 404, outside: 404 },
    ),
  ];
}

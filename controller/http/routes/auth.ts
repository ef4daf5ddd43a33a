import { accepted } from '../../domain/outcome.ts';
import type { RouteContext } from '../app.ts';
import { publicRoute, type Route, route } from '../route.ts';
import { login } from '../schemas/auth.ts';

export function authRoutes({ services, tokens }: RouteContext): Route[] {
  return [
    publicRoute({
      method: 'POST',
      path: '/auth/login',
      summary: 'A token of 24 h for a user name and password; slowed and then refused on guessing',
      request: login,
      async respond({ ctx, body }) {
        const outcome = await services.accounts.login(body.user, body.pass, ctx.req.socket.remoteAddress ?? '');
        if (!outcome.ok) return outcome;
        const { token, expires_at } = tokens.sign(outcome.value);
        return accepted({ status: 200, body: { token, token_type: 'Bearer', expires_at } });
      },
    }),
    route({
      method: 'GET',
      path: '/auth/me',
      permission: 'self',
      summary: 'Whose token this is, and the roles',
      respond: ({ caller }) => accepted({ status: 200, body: services.accounts.me(caller) }),
    }),
  ];
}

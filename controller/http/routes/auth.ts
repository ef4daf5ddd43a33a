import { accepted } from '../../domain/outcome.ts';
import type { RouteContext } from '../app.ts';
import { publicRoute, type Route, route } from '../route.ts';
import { login } from '../schemas/auth.ts';
import { me, token } from '../schemas/objects.ts';

export function authRoutes({ services, tokens }: RouteContext): Route[] {
  return [
    publicRoute({
      method: 'POST',
      path: '/auth/login',
      summary: 'A token of 24 h for a user name and password; slowed and then refused on guessing',
      request: login,
      answers: { 200: token },
      refusals: ['UNAUTHORIZED', 'RATE_LIMITED'],
      example: { user: 'admin', pass: 'correct horse battery staple' },
      async respond({ ctx, body }) {
        const outcome = await services.accounts.login(body.user, body.pass, ctx.req.socket.remoteAddress ?? '');
        if (!outcome.ok) return outcome;
        return accepted({ status: 200, body: { token_type: 'Bearer', ...tokens.sign(outcome.value) } });
      },
    }),
    route({
      method: 'GET',
      path: '/auth/me',
      permission: 'self',
      summary: 'Whose token this is, and the roles',
      answers: { 200: me },
      respond: ({ caller }) => accepted({ status: 200, body: services.accounts.me(caller) }),
    }),
  ];
}

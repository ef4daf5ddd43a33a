import { logout } from '../../contract/access.ts';
import { login } from '../../contract/auth.ts';
import { me, token } from '../../contract/objects.ts';
import { networkOf } from '../../domain/access/network.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import { proofOf } from '../access/authentication.ts';
import type { RouteContext } from '../app.ts';
import { attributionOf } from '../routing/auditing.ts';
import { publicRoute, type Route, route } from '../routing/route.ts';

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
        ctx.state.triedUser = body.user;
        const id = tokens.newId();
        // The credential of what is done with the token names it.
        const by = attributionOf(ctx, 'login', { kind: 'tokens', ref: id, space: null });
        const outcome = await services.accounts.login(body.user, body.pass, networkOf(ctx.ip), by);
        if (!outcome.ok) return outcome;
        return accepted({ status: 200, body: { token_type: 'Bearer', ...tokens.sign(outcome.value, id) } });
      },
    }),
    route({
      method: 'GET',
      path: '/auth/me',
      operation: 'me',
      permission: 'self',
      summary: 'Whose token this is, the roles, and where they hold',
      answers: { 200: me },
      respond: ({ caller }) => accepted({ status: 200, body: services.accounts.me(caller) }),
    }),
    route({
      method: 'POST',
      path: '/auth/refresh',
      permission: 'self',
      summary: 'A new token of 24 h for one that is still good, which stays good as well',
      answers: { 200: token },
      refusals: ['FORBIDDEN'],
      respond({ ctx }) {
        const holder = services.accounts.refresh(proofOf(ctx));
        if (!holder.ok) return holder;
        const id = tokens.newId();
        ctx.state.madeToken = id;
        return accepted({ status: 200, body: { token_type: 'Bearer', ...tokens.sign(holder.value, id) } });
      },
    }),
    route({
      method: 'POST',
      path: '/auth/logout',
      permission: 'self',
      summary: 'Ends this token at once, or every token of the account, and the streams opened with it',
      request: logout,
      answers: { 204: 'nothing' },
      refusals: ['FORBIDDEN'],
      example: { everywhere: true },
      async respond({ ctx, caller, body }) {
        const ended = await services.accounts.logout(caller, proofOf(ctx), body.everywhere ?? false);
        return ended.ok ? accepted({ status: 204 }) : ended;
      },
    }),
  ];
}

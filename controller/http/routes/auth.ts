import { login, logout, meObject, tokenObject } from '../../contract/access/auth.ts';
import { networkOf } from '../../domain/access/network.ts';
import { accepted, mapped } from '../../domain/engine/outcome.ts';
import { proofOf } from '../access/authentication.ts';
import { releaseBody } from '../access/budget-gate.ts';
import { attributionOf } from '../routing/auditing.ts';
import { publicRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

const BEARER = { token_type: 'Bearer' } as const;

export function authRoutes({ services: { accounts }, tokens }: RouteDeps): Route[] {
  return [
    publicRoute({
      method: 'POST',
      path: '/auth/login',
      summary: 'Logs in and returns a token, valid for 24 hours.',
      request: login,
      answer: tokenObject,
      refusals: ['UNAUTHORIZED', 'RATE_LIMITED'],
      example: { user: 'admin', pass: 'correct horse battery staple' },
      async respond({ ctx, body }) {
        ctx.state.triedUser = body.user;
        const id = tokens.newId();
        // Audit records of requests with this token name it as their credential.
        const by = attributionOf(ctx, 'login', { kind: 'tokens', ref: id, space: null });
        releaseBody(ctx);
        const holder = await accounts.login(body.user, body.pass, networkOf(ctx.ip), by);
        return mapped(holder, (subject) => ({ ...BEARER, ...tokens.sign(subject, id) }));
      },
    }),
    route({
      method: 'GET',
      path: '/auth/me',
      operation: 'me',
      permission: 'self',
      summary: 'Returns the caller, its roles, and where they apply.',
      answer: meObject,
      respond: ({ caller }) => accepted(accounts.me(caller)),
    }),
    route({
      method: 'POST',
      path: '/auth/refresh',
      permission: 'self',
      recorded: 'noted',
      summary: 'Returns a new token, valid for 24 hours. The current token stays valid.',
      answer: tokenObject,
      refusals: ['FORBIDDEN'],
      respond({ ctx }) {
        const id = tokens.newId();
        return mapped(accounts.refresh(proofOf(ctx)), (subject) => {
          ctx.state.madeToken = id;
          return { ...BEARER, ...tokens.sign(subject, id) };
        });
      },
    }),
    route({
      method: 'POST',
      path: '/auth/logout',
      permission: 'self',
      summary: 'Revokes this token, or every token of the account, and closes the streams opened with it.',
      request: logout,
      answer: 'nothing',
      refusals: ['FORBIDDEN'],
      example: { everywhere: true },
      respond: ({ ctx, caller, body: { everywhere = false } }) => accounts.logout(caller, proofOf(ctx), everywhere),
    }),
  ];
}

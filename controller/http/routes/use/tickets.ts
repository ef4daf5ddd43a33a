import { createTicket, ticketObject } from '../../../contract/access/tickets.ts';
import { proofOf } from '../../access/authentication.ts';
import { type Route, route } from '../../routing/route.ts';
import type { RouteDeps } from '../../routing/route-deps.ts';

export function ticketRoutes({ services: { tickets } }: RouteDeps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/tickets',
      operation: 'createTicket',
      permission: 'self',
      recorded: 'noted',
      summary: 'Returns a one-time ticket for a request that cannot carry a header.',
      description:
        'Browsers cannot set headers of a WebSocket. Offer the subprotocols `raworc.v0` and `raworc.ticket.TICKET` instead. A ticket is valid once, for 30 seconds, and with the permissions of the credentials that it was requested with. It needs the permission of its use: `attach` needs own or sessions:exec.',
      request: createTicket,
      example: { for: 'attach', session: '0b2c5f9e-6d0a-4f5b-9a3e-0b7c1d2e3f40' },
      answer: ticketObject,
      status: 201,
      refusals: ['NOT_FOUND', 'FORBIDDEN'],
      respond: ({ ctx, caller, body }) => tickets.create(caller, proofOf(ctx), body),
    }),
  ];
}

import { z } from 'zod';
import { fields, type Infer, text, time } from '../fields.ts';

/** What tickets are for. */
export const TICKET_USES = ['attach', 'port'] as const;
export type TicketUse = (typeof TICKET_USES)[number];

export const createTicket = fields({
  for: z
    .enum(TICKET_USES, { error: `must be ${TICKET_USES.join(' or ')}` })
    .describe('`attach`: for one attach to a process of the session; `port`: for one TCP connection to a port of it'),
  session: text(64).min(1, 'must not be empty').describe('Id of the session'),
});
export type CreateTicket = Infer<typeof createTicket>;

export const ticketObject = z
  .strictObject({ ticket: z.string().describe('Valid once, for 30 seconds'), expires_at: time() })
  .meta({ id: 'Ticket' });
export type TicketObject = Infer<typeof ticketObject>;

import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { Verb } from '../../contract/access/roles.ts';
import type { CreateTicket, TicketObject, TicketUse } from '../../contract/access/tickets.ts';
import type { AccountId, SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { sessionFor } from './access.ts';
import type { Caller } from './caller.ts';
import type { Proof } from './proof.ts';

/** How long a ticket is valid. */
export const REQUEST_TICKET_MS = 30_000;
/** Valid tickets of one account, and of all. Past the latter, the oldest is dropped. */
export const MAX_REQUEST_TICKETS = { ofAccount: 500, inAll: 20_000 } as const;
const TICKET_BYTES = 32;

/** What a ticket is good for, once. */
export interface RequestTicket {
  readonly use: TicketUse;
  readonly session: SessionId;
  /** The credential that it stands for: with that, it ends. */
  readonly proof: Proof;
}

interface Issued extends RequestTicket {
  readonly endsAtMs: number;
}

const VERBS: Readonly<Record<TicketUse, Verb>> = { attach: 'exec', port: 'ports' };

export type RequestTickets = ReturnType<typeof requestTickets>;

/**
 * One-time tickets for requests that cannot carry a header. Kept in memory: a restart ends them, and
 * clients get new ones.
 */
export function requestTickets({ view, clock, random }: { readonly view: View; readonly clock: Clock; readonly random: Random }) {
  /** The oldest first. */
  const issued = new Map<string, Issued>();
  const ofAccount = new Map<AccountId, number>();

  function drop(ticket: string, { proof: { accountId } }: Issued): void {
    issued.delete(ticket);
    const left = (ofAccount.get(accountId) ?? 0) - 1;
    if (left > 0) ofAccount.set(accountId, left);
    else ofAccount.delete(accountId);
  }

  function dropEnded(): void {
    const now = clock.monotonic();
    for (const [ticket, one] of issued) {
      if (one.endsAtMs > now && issued.size < MAX_REQUEST_TICKETS.inAll) return;
      drop(ticket, one);
    }
  }

  return {
    /** Issues a ticket to a caller with the permission that its use needs. */
    create(caller: Caller, proof: Proof, { for: use, session: sent }: CreateTicket): Outcome<TicketObject> {
      const session = sessionFor(view, caller, sent.toLowerCase(), VERBS[use]);
      if (!session.ok) return session;
      dropEnded();
      const { accountId } = proof;
      if ((ofAccount.get(accountId) ?? 0) >= MAX_REQUEST_TICKETS.ofAccount) {
        const most = MAX_REQUEST_TICKETS.ofAccount;
        return refused('RATE_LIMITED', `Your account has ${most} unused tickets. Use them, or retry in ${REQUEST_TICKET_MS / 1000} s.`, {
          most,
          retry_after_s: REQUEST_TICKET_MS / 1000,
        });
      }
      const ticket = Buffer.from(random.bytes(TICKET_BYTES)).toString('base64url');
      issued.set(ticket, { use, session: session.value.id, proof, endsAtMs: clock.monotonic() + REQUEST_TICKET_MS });
      ofAccount.set(accountId, (ofAccount.get(accountId) ?? 0) + 1);
      return accepted({ ticket, expires_at: new Date(clock.now() + REQUEST_TICKET_MS).toISOString() });
    },
    /** Returns what a ticket is good for, and ends it. Undefined if it is unknown, used or expired. */
    redeem(ticket: string): RequestTicket | undefined {
      dropEnded();
      const found = issued.get(ticket);
      if (found === undefined) return undefined;
      drop(ticket, found);
      return found;
    },
  };
}

import { type Command, unchanged } from '../../engine/command.ts';
import type { AccountId, SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { View } from '../../engine/view.ts';
import type { NewEvent } from '../../events/events.ts';
import { NO_SESSION } from '../../sessions/refusals.ts';
import type { SessionRow } from '../../sessions/rows.ts';
import { type PortShareId, type PortShareRow, shareIdOf } from '../rows.ts';

/** Public ports of one session. */
export const MAX_PORT_SHARES = 16;

export interface NewPortShare {
  readonly sessionId: SessionId;
  readonly port: number;
  readonly accountId: AccountId;
  readonly keyId: string | null;
  readonly user: string;
  /** Milliseconds. Undefined: not public; only the event is recorded. */
  readonly publicForMs: number | undefined;
}

/**
 * Makes a port public until a time, or records that a viewer of it got an address. Sharing a public
 * port again sets a new time.
 */
export function sharePort({
  sessionId,
  port,
  accountId,
  keyId,
  user,
  publicForMs,
}: NewPortShare): Command<Outcome<PortShareRow | undefined>> {
  return {
    name: 'share-port',
    grows: true,
    decide({ view, now }) {
      const session = view.get('sessions', sessionId);
      if (session === undefined || session.desired === 'deleted') return unchanged(NO_SESSION);
      if (publicForMs === undefined)
        return {
          mutations: [],
          events: [eventOf(view, session, 'session.port_shared', { user, port, public_until: null })],
          result: accepted(undefined),
        };
      const id = shareIdOf(sessionId, port);
      const shares = view.portSharesOf(sessionId);
      if (shares.length >= MAX_PORT_SHARES && !shares.some((one) => one.id === id))
        return unchanged(refused('CONFLICT', `The session has ${MAX_PORT_SHARES} public ports, which is the most. End one, then retry.`));
      const row: PortShareRow = {
        ...{ id, sessionId, spaceId: session.spaceId, port, accountId, keyId, createdBy: user },
        ...{ createdAt: now, publicUntil: now + publicForMs },
      };
      const data = { user, port, public_until: new Date(row.publicUntil).toISOString() };
      return { mutations: [put('portShares', row)], events: [eventOf(view, session, 'session.port_shared', data)], result: accepted(row) };
    },
  };
}

const NOT_PUBLIC = refused('NOT_FOUND', 'The port is not public.');

/** Why a port is no longer public. */
export type ShareEnd = { readonly reason: 'revoked'; readonly user: string } | { readonly reason: 'expired' };

/** Ends a share. Of one that is over by its time, only once that has come. */
export function unsharePort(id: PortShareId, end: ShareEnd): Command<Outcome<undefined>> {
  return {
    name: 'unshare-port',
    decide({ view, ages }) {
      const row = view.get('portShares', id);
      if (row === undefined || (end.reason === 'expired' && leftMsOf(row, ages.ageMs(row.createdAt)) > 0)) return unchanged(NOT_PUBLIC);
      const session = view.get('sessions', row.sessionId);
      const events =
        session === undefined || session.desired === 'deleted'
          ? []
          : [eventOf(view, session, 'session.port_unshared', { port: row.port, user: row.createdBy, ...end })];
      return { mutations: [{ kind: 'remove', table: 'portShares', id }], events, result: accepted(undefined) };
    },
  };
}

/** Returns how long a share still lasts. */
export const leftMsOf = ({ createdAt, publicUntil }: PortShareRow, ageMs: number): number => publicUntil - createdAt - ageMs;

function eventOf(view: View, { id: sessionId, spaceId }: SessionRow, type: NewEvent['type'], data: NewEvent['data']): NewEvent {
  const space = view.get('spaces', spaceId)?.name ?? '';
  return { type, spaceId, sessionId, data: { space, session_id: sessionId, ...data } };
}

import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { type ListeningPort, PORT, PORTS, PortsDecoder } from '../../../proto/streams/port-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock } from '../../../seams/clock.ts';
import { DEFAULT_SHARE_S, type PortObject, SHARE_BOUNDS, type ShareObject, type SharePort } from '../../contract/ports.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { sharePort, unsharePort } from '../../domain/ports/commands/share-port.ts';
import { shareIdOf } from '../../domain/ports/rows.ts';
import { sessionFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Proof } from '../access/proof.ts';
import type { RightsCache } from '../access/rights.ts';
import type { Payer } from '../budget/payer.ts';
import { Turns } from '../budget/turns.ts';
import type { Applier } from '../engine/applier.ts';
import type { SessionUse } from '../streams/session-use.ts';
import { dialled } from './dialled.ts';
import type { PreviewOrigins } from './preview-origins.ts';
import { type Pass, type PreviewPasses, TICKET_MS } from './preview-passes.ts';

/** Connections to ports of one session at once. Further ones wait; terminals and files keep their places. */
export const MAX_PORT_CONNECTIONS = 40;
const TURN_WITHIN_MS = 10_000;
/** Unread bytes of a connection in all processes on the way. */
const WINDOW_BYTES = 512 * 1024;

export type Ports = ReturnType<typeof portService>;

export interface PortServiceDeps {
  readonly applier: Pick<Applier, 'submit'>;
  readonly view: View;
  readonly use: SessionUse;
  readonly rights: Pick<RightsCache, 'callerOf' | 'holderOf'>;
  readonly passes: PreviewPasses;
  readonly origins: PreviewOrigins | undefined;
  readonly clock: Clock;
}

const NO_DOMAIN = refused(
  'CONFLICT',
  'Ports have no addresses for browsers here. An operator can set RAWORC_PREVIEW_DOMAIN; `raworc forward` works without it.',
);
const NO_PORT = refused('NOT_FOUND', 'The port must be a number from 1 to 65535.');
const LOST = refused('UNAVAILABLE', 'The session stopped answering. Retry in a moment.');

/** The ports of sessions: connections to them, who can use them, and which are in use. */
export function portService({ applier, view, use, rights, passes, origins, clock }: PortServiceDeps) {
  const turns = new Turns(Number.POSITIVE_INFINITY);

  async function connect(caller: Caller, id: SessionId, port: number, payer: Payer, signal: AbortSignal): Promise<Outcome<ByteStream>> {
    const late = new AbortController();
    const timer = clock.after(TURN_WITHIN_MS, () => late.abort());
    const turn = await turns
      .wait([{ key: id, most: MAX_PORT_CONNECTIONS }], AbortSignal.any([signal, late.signal]))
      .finally(() => timer.cancel());
    if (turn === undefined)
      return refused(
        'RATE_LIMITED',
        `The session has ${MAX_PORT_CONNECTIONS} connections to its ports, which is the most. Close some, then retry.`,
        {
          most: MAX_PORT_CONNECTIONS,
          retry_after_s: 5,
        },
      );
    const stream = () => ({ kind: PORT, parameters: { port }, window: WINDOW_BYTES, payer });
    const opened = await use.open(caller, id, { verb: 'ports', stream }, signal).catch((error: unknown) => {
      turn();
      throw error;
    });
    if (!opened.ok) {
      turn();
      return opened;
    }
    opened.value.once('close', turn);
    const gone = () => void opened.value.destroy();
    signal.addEventListener('abort', gone);
    const connected = await dialled(opened.value, port);
    signal.removeEventListener('abort', gone);
    return connected;
  }

  function publicPorts(id: SessionId): readonly PortObject[] {
    return view.portSharesOf(id).map(({ port }) => portObject(id, { port, addresses: [] }, false));
  }

  function portObject(session: SessionId, { port, addresses }: ListeningPort, listening: boolean): PortObject {
    const share = view.get('portShares', shareIdOf(session, port));
    return {
      ...{ port, listening, addresses: [...addresses], url: origins?.of({ session, port }) ?? null },
      public_until: share === undefined ? null : new Date(share.publicUntil).toISOString(),
      public_by: share?.createdBy ?? null,
    };
  }

  /** Ports that are public, and ports on which programs listen, by number. */
  function merged(id: SessionId, listening: readonly ListeningPort[]): PortObject[] {
    const found = new Map(publicPorts(id).map((one) => [one.port, one]));
    for (const one of listening) found.set(one.port, portObject(id, one, true));
    return [...found.values()].sort((a, b) => a.port - b.port);
  }

  async function lists(caller: Caller, id: SessionId, follow: boolean, payer: Payer, signal: AbortSignal) {
    const stream = () => ({ kind: PORTS, parameters: { follow }, window: WINDOW_BYTES, payer });
    return use.open(caller, id, { verb: 'ports', wake: false, stream }, signal);
  }

  return {
    connect,
    origins,

    permit(caller: Caller, id: SessionId): Outcome<undefined> {
      const row = sessionFor(view, caller, id, 'ports');
      return row.ok ? accepted(undefined) : row;
    },

    /** Nothing listens in a session that does not run; asking does not wake it. */
    async list(caller: Caller, id: SessionId, payer: Payer, signal: AbortSignal): Promise<Outcome<PortObject[]>> {
      const row = sessionFor(view, caller, id, 'ports');
      if (!row.ok) return row;
      if (row.value.desired !== 'running') return accepted(merged(id, []));
      const opened = await lists(caller, id, false, payer, signal);
      if (!opened.ok) return opened;
      try {
        for await (const list of listsIn(opened.value)) return accepted(merged(id, list));
        return LOST;
      } catch (error) {
        if (error instanceof StreamError) return LOST;
        throw error;
      } finally {
        opened.value.destroy();
      }
    },

    /** Yields the list, and again after each change. Ends with the session's life. */
    async follow(caller: Caller, id: SessionId, payer: Payer, signal: AbortSignal): Promise<Outcome<AsyncIterable<PortObject[]>>> {
      const opened = await lists(caller, id, true, payer, signal);
      if (!opened.ok) return opened;
      const stream = opened.value;
      signal.addEventListener('abort', () => void stream.destroy());
      return accepted(
        (async function* () {
          for await (const list of listsIn(stream)) yield merged(id, list);
        })(),
      );
    },

    /** Returns an address of the port: for one browser, or public. */
    async share(caller: Caller, proof: Proof, id: SessionId, port: number | undefined, input: SharePort): Promise<Outcome<ShareObject>> {
      if (port === undefined) return NO_PORT;
      const row = sessionFor(view, caller, id, 'ports');
      if (!row.ok) return row;
      if (origins === undefined) return NO_DOMAIN;
      const isPublic = input.public === true;
      const leftS = (proof.expiresAtMs - clock.now()) / 1000;
      // A login's end is not that of what it made public; a key's is.
      const most =
        isPublic && proof.kind === 'token'
          ? SHARE_BOUNDS.mostPublic
          : Math.min(isPublic ? SHARE_BOUNDS.mostPublic : SHARE_BOUNDS.mostPrivate, leftS);
      const forMs = Math.floor(Math.min(input.expires_in_s ?? DEFAULT_SHARE_S, most) * 1000);
      const made = await applier.submit(
        sharePort({
          ...{ sessionId: id, port, accountId: caller.accountId, user: caller.user },
          ...{ keyId: proof.kind === 'api-key' ? proof.keyId : null, publicForMs: isPublic ? forMs : undefined },
        }),
        caller,
      );
      if (!made.ok) return made;
      const origin = origins.of({ session: id, port });
      const path = input.path ?? '/';
      if (made.value !== undefined) {
        const until = new Date(made.value.publicUntil).toISOString();
        return accepted({ port, public: true, url: `${origin}${path}`, ticket: null, ticket_expires_at: null, expires_at: until });
      }
      const endsAtMs = clock.now() + forMs;
      const ticket = passes.issueTicket({ session: id, port, proof, endsAtMs });
      return accepted({
        ...{ port, public: false, ticket },
        // Behind #, it reaches no server, log or Referer before a person opens the page.
        url: `${origin}${ENTER_PATH}?to=${encodeURIComponent(path)}#${ticket}`,
        ticket_expires_at: new Date(clock.now() + TICKET_MS).toISOString(),
        expires_at: new Date(endsAtMs).toISOString(),
      });
    },

    /** Ends the public time of a port. */
    async unshare(caller: Caller, id: SessionId, port: number | undefined): Promise<Outcome<undefined>> {
      const row = sessionFor(view, caller, id, 'ports');
      if (!row.ok) return row;
      if (port === undefined) return NO_PORT;
      return applier.submit(unsharePort(shareIdOf(id, port), { reason: 'revoked', user: caller.user }), caller);
    },

    /** Returns what a one-time ticket admits to, and ends the ticket. */
    redeem: (ticket: string, id: SessionId, port: number): Pass | undefined => passes.redeem(ticket, id, port),
    signed: (pass: Pass): string => passes.sign(pass),

    /** Returns the viewer whom a pass admits, with the rights of now. */
    viewerOf(sent: string, id: SessionId, port: number): { readonly caller: Caller; readonly pass: Pass } | undefined {
      const pass = passes.verify(sent, id, port);
      const caller = pass && rights.callerOf(pass.proof);
      return pass !== undefined && caller !== undefined && sessionFor(view, caller, id, 'ports').ok ? { caller, pass } : undefined;
    },

    /** Returns the account in whose name anybody can use a public port, while it still could itself. */
    publicCaller(id: SessionId, port: number): Caller | undefined {
      const share = view.get('portShares', shareIdOf(id, port));
      const caller = share === undefined ? undefined : rights.holderOf(share.accountId, share.keyId);
      return caller !== undefined && sessionFor(view, caller, id, 'ports').ok ? caller : undefined;
    },
  };
}

/** Paths of a preview origin that programs cannot serve. */
export const OWN_PATHS = '/.raworc/';
export const ENTER_PATH = `${OWN_PATHS}enter`;

async function* listsIn(stream: ByteStream): AsyncGenerator<readonly ListeningPort[]> {
  const decoder = new PortsDecoder();
  for await (const bytes of stream) yield* decoder.decode(bytes as Buffer);
}

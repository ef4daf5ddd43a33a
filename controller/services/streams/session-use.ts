import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { Verb } from '../../contract/access/roles.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { beginUse, tellOfUse, type UseEvent } from '../../domain/sessions/commands/begin-use.ts';
import { isSettled } from '../../domain/sessions/life-cycle.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { refreshed, sessionFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Release } from '../budget/at-once.ts';
import type { Applier } from '../engine/applier.ts';
import type { Waiters } from '../engine/waiters.ts';
import type { ByteStreams, StreamRequest } from './byte-streams.ts';
import type { OpenUses } from './open-uses.ts';
import { SpaceStreams } from './space-streams.ts';

/** How long a session can take to be running. */
export const UP_WITHIN_MS = 120_000;
/** A command in events is cut here. */
const SHOWN_CHARACTERS = 1024;

/** What a caller does with a session. */
export interface Use {
  /** The permission that it takes. */
  readonly verb: Extract<Verb, 'exec' | 'files' | 'ports'>;
  /** Whether a paused or suspended session is resumed. Default: true. */
  readonly wake?: boolean | undefined;
  /** Committed, and audited, before the use begins. */
  readonly event?: UseEvent | undefined;
  /** Whether it is audited although it has no event: for requests that change something. */
  readonly audited?: boolean;
}

/** A use that is a byte stream to the guest. */
export interface StreamUse extends Use {
  /** The stream of a session that is up. */
  stream(up: SessionRow): StreamRequest;
  /** Told when the stream has closed, whatever closed it. */
  closed?(): UseEvent;
}

export interface SessionUseDeps {
  readonly applier: Pick<Applier, 'submit' | 'apply'>;
  readonly view: View;
  readonly waiters: Waiters;
  readonly streams: Pick<ByteStreams, 'start'>;
  readonly uses: OpenUses;
  readonly clock: Clock;
  /** Whether events show the arguments of commands. */
  readonly showsCommands?: boolean | undefined;
}

export type SessionUse = ReturnType<typeof sessionUse>;

/**
 * The use of a session by a caller: a command, a terminal, a file call, a request to a port. Every
 * use takes a permission, wakes the session, waits until it is up, and keeps it from idling while it
 * is open.
 */
export function sessionUse({ applier, view, waiters, streams, uses, clock, showsCommands = true }: SessionUseDeps) {
  const ofSpaces = new SpaceStreams(view);

  /** Opens a stream that counts against the quotas of its space. */
  async function started(up: SessionRow, use: StreamUse, signal: AbortSignal): Promise<Outcome<ByteStream>> {
    const place = ofSpaces.take(up.spaceId);
    if (!place.ok) return place;
    const { payer, ...request } = use.stream(up);
    const paid = payer === undefined ? request : { ...request, payer: { ...payer, space: up.spaceId } };
    const stream = await streams.start(up, paid, signal).catch((error: unknown) => {
      place.value();
      throw error;
    });
    if (stream.ok) stream.value.once('close', place.value);
    else place.value();
    return stream;
  }

  /** Records the use, and wakes the session. */
  const begun = (caller: Caller, sessionId: SessionId, { wake = true, event }: Use) =>
    applier.submit(beginUse({ sessionId, wake, user: caller.user, event }), caller);

  /** Resolves once the session is up, with rights that still hold. */
  async function afterWaking(caller: Caller, id: SessionId, { verb }: Use, signal: AbortSignal): Promise<Outcome<SessionRow>> {
    const late = new AbortController();
    const timer = clock.after(UP_WITHIN_MS, () => late.abort());
    const patience = AbortSignal.any([signal, late.signal]);
    const up = await waiters.until(id, () => upOrNever(view.get('sessions', id)), patience).finally(() => timer.cancel());
    if (up === undefined) return refused('UNAVAILABLE', 'The session is not running yet. Retry in a moment.', { retry_after_s: 5 });
    if (!up.ok) return up;
    const now = refreshed(caller);
    return now.ok ? sessionFor(view, now.value, id, verb) : now;
  }

  async function wokenRow(caller: Caller, id: SessionId, use: Use, signal: AbortSignal): Promise<Outcome<SessionRow>> {
    const recorded = await begun(caller, id, use);
    return recorded.ok ? afterWaking(caller, id, use, signal) : recorded;
  }

  /** Opens a stream while the use is being recorded. Nothing is sent before it is. */
  async function openedAtOnce(
    caller: Caller,
    row: SessionRow,
    use: StreamUse,
    signal: AbortSignal,
  ): Promise<Outcome<ByteStream> | 'asleep' | 'woken'> {
    const tooEarly = new AbortController();
    const opening = started(row, use, AbortSignal.any([signal, tooEarly.signal]));
    if (use.event === undefined && use.audited !== true) {
      const opened = await opening;
      return !opened.ok && movedOn(row) && !signal.aborted ? 'asleep' : opened;
    }
    const recorded = await begun(caller, row.id, use);
    const isWoken = recorded.ok && recorded.value.generation !== row.generation;
    if (!recorded.ok || isWoken) tooEarly.abort();
    const opened = await opening;
    if (recorded.ok && !isWoken) return !opened.ok && movedOn(row) && !signal.aborted ? 'asleep' : opened;
    if (opened.ok) opened.value.destroy();
    return recorded.ok ? 'woken' : recorded;
  }

  /** Whether a session was paused, suspended or resumed since. */
  const movedOn = (row: SessionRow): boolean => view.get('sessions', row.id)?.generation !== row.generation;

  async function opened(caller: Caller, id: SessionId, use: StreamUse, signal: AbortSignal): Promise<Outcome<ByteStream>> {
    const row = sessionFor(view, caller, id, use.verb);
    if (!row.ok) return row;
    const first = isUp(row.value) ? await openedAtOnce(caller, row.value, use, signal) : undefined;
    if (first !== undefined && first !== 'asleep' && first !== 'woken') return first;
    // Recorded once: what was asleep when its stream came was recorded before.
    const again = first === 'asleep' ? { ...use, event: undefined } : use;
    const up = await (first === 'woken' ? afterWaking(caller, id, use, signal) : wokenRow(caller, id, again, signal));
    return up.ok ? started(up.value, use, signal) : up;
  }

  function tell(caller: Pick<Caller, 'user'>, id: SessionId, event: UseEvent): void {
    applier.apply(tellOfUse(id, caller.user, event)).catch(() => undefined);
  }

  return {
    /** Returns the session if the caller can use it so. */
    permit: (caller: Caller, id: SessionId, verb: Use['verb']): Outcome<SessionRow> => sessionFor(view, caller, id, verb),

    /**
     * Opens a byte stream to the guest, in a session that was woken for it if need be. The use ends
     * when the stream closes. Aborting the signal gives up; afterwards, `destroy` ends the stream.
     * The caller's rights are checked here only: what stays open judges them again by itself.
     */
    async open(caller: Caller, id: SessionId, use: StreamUse, signal: AbortSignal): Promise<Outcome<ByteStream>> {
      const release = uses.begin(id);
      const stream = await opened(caller, id, use, signal).catch((error: unknown) => {
        release();
        throw error;
      });
      if (!stream.ok) {
        release();
        return stream;
      }
      // Aborted while the use was recorded, after its stream had opened.
      if (signal.aborted) {
        stream.value.destroy();
        release();
        return lostUse('The request was given up.', 'Nothing was begun.');
      }
      stream.value.once('close', () => {
        release();
        if (use.closed !== undefined) tell(caller, id, use.closed());
      });
      return stream;
    },

    /** Resolves with a session that is up, woken and recorded as by `open`, without a stream. */
    async ready(caller: Caller, id: SessionId, use: Use, signal: AbortSignal): Promise<Outcome<SessionRow>> {
      const row = sessionFor(view, caller, id, use.verb);
      if (!row.ok || (isUp(row.value) && use.event === undefined && use.audited !== true)) return row;
      return wokenRow(caller, id, use, signal);
    },

    /** Keeps a session from idling until the result is called: for a use of several streams. */
    hold: (id: SessionId): Release => uses.begin(id),

    /** Records an event of a use. Nobody waits for it. */
    tell,

    /** Returns how events show a command, or undefined if they do not. */
    shown: (argv: readonly string[]): string | undefined => (showsCommands ? shownOf(argv) : undefined),
  };
}

const isUp = (row: SessionRow): boolean => row.desired === 'running' && isSettled(row);

/** Returns undefined while the session can still come up. */
export function upOrNever(row: SessionRow | undefined): Outcome<SessionRow> | undefined {
  if (row === undefined || row.desired === 'deleted') return NO_SESSION;
  if (row.desired === 'failed') return refused('CONFLICT', `The session failed: ${row.reason ?? 'no reason recorded'}`);
  if (row.desired !== 'running') return refused('CONFLICT', 'The session was paused or suspended before it could be used.');
  return isSettled(row) ? accepted(row) : undefined;
}

/** Returns a command as events show it. */
export function shownOf(argv: readonly string[]): string {
  const line = argv[0] === '/bin/sh' && argv[1] === '-c' ? (argv[2] ?? '') : argv.join(' ');
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS).toWellFormed()}…` : line;
}

/** Returns the refusal of a use whose stream ended early. `what` says what is unknown now. */
export const lostUse = (why: string, what: string) => refused('UNAVAILABLE', `${why} ${what}`);

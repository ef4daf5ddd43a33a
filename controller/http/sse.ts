import type { ServerResponse } from 'node:http';
import type { Context } from 'koa';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { SessionId } from '../domain/ids.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import type { Proof } from '../services/access-api.ts';
import type { EventScope, EventWatcher, LogScope, Services } from '../services/api.ts';
import type { Caller } from '../services/caller.ts';
import type { EventIds } from '../services/event-ids.ts';
import { proofOf } from './authentication.ts';
import { deltaFrame, eventFrame, HELLO_FRAME, logFrame, PING_FRAME, positionIn, resetFrame } from './event-frames.ts';
import type { OpenStream, OpenStreams } from './open-streams.ts';

/** What a slow reader may leave unread before its stream is cut; it comes back with its Last-Event-ID. */
export const MAX_UNREAD_BYTES = 1024 * 1024;
const PING_MS = 15_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** How long a stream of a session that is deleted stays: its last event may still be on the way. */
const FAREWELL_MS = 30_000;

export interface Streaming {
  readonly services: Pick<Services, 'accounts' | 'agentLogs' | 'events'>;
  readonly streams: OpenStreams;
  readonly eventIds: EventIds;
  readonly clock: Clock;
  readonly log: Log;
}

/** Answers with the events of one session, or of all that the caller may see, until either side ends it. */
export function streamEvents(ctx: Context, caller: Caller, session: SessionId | undefined, streaming: Streaming): Outcome<undefined> {
  const { services } = streaming;
  const scope = services.events.scope(caller, session);
  if (!scope.ok) return scope;
  const after = positionIn(streaming.eventIds, ctx.get('Last-Event-ID'));
  if (!after.ok) return after;
  return open(ctx, streaming, {
    session,
    standing(caller) {
      const now = services.events.scope(caller, session);
      if (!now.ok) return session === undefined || services.events.isThere(session) ? 'over' : 'gone';
      return sameSight(now.value, scope.value) ? 'good' : 'over';
    },
    watch: (watcher) => services.events.watch(scope.value, after.value, watcher),
  });
}

/** Answers with what an agent prints, until either side ends it. */
export function streamLogs(ctx: Context, scope: LogScope, streaming: Streaming): Outcome<undefined> {
  const { agentLogs } = streaming.services;
  const { agent, spaceName, session } = scope;
  return open(ctx, streaming, {
    session,
    standing(caller) {
      const now = agentLogs.scope(caller, spaceName, agent.name, scope);
      return now.ok && now.value.agent.id === agent.id ? 'good' : 'over';
    },
    watch: (watcher) => agentLogs.follow(scope, watcher),
  });
}

/** What a stream shows, and whether a caller may go on seeing it. `gone`: its session is deleted. */
type Standing = 'good' | 'gone' | 'over';
interface Show {
  readonly session: SessionId | undefined;
  standing(caller: Caller): Standing;
  watch(watcher: EventWatcher): { close(): void };
}

function open(ctx: Context, streaming: Streaming, show: Show): Outcome<undefined> {
  if (streaming.streams.full) return refused('RATE_LIMITED', 'There are too many open streams', { retry_after_s: 5 });
  ctx.set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' });
  ctx.status = 200;
  if (ctx.method === 'HEAD') return accepted(undefined);
  // Written past Koa: each client that leaves a piped stream would be a fault of the app, and what is unread must be known.
  ctx.respond = false;
  const stream = new EventStream(ctx.res, proofOf(ctx), show, streaming);
  stream.follow(show.watch(stream.watcher));
  return accepted(undefined);
}

class EventStream implements OpenStream {
  readonly #res: ServerResponse;
  readonly proof: Proof;
  readonly #expiry: Timer | undefined;
  readonly #show: Show;
  readonly #streaming: Streaming;
  #watching: { close(): void } | undefined;
  #over = false;
  #wroteAt: number;
  #goneSince: number | undefined;

  constructor(res: ServerResponse, proof: Proof, show: Show, streaming: Streaming) {
    this.#res = res;
    this.proof = proof;
    this.#show = show;
    this.#streaming = streaming;
    this.#wroteAt = streaming.clock.monotonic();
    res.on('close', () => this.#finish());
    res.on('error', () => this.#finish());
    streaming.streams.add(this);
    const leftMs = proof.expiresAtMs - streaming.clock.now();
    // A timer of Node.js reaches no further; the tick sees to what lasts longer.
    if (leftMs < LONGEST_TIMER_MS) this.#expiry = streaming.clock.after(leftMs, () => this.end());
    res.flushHeaders();
    this.#write(HELLO_FRAME);
  }

  readonly watcher: EventWatcher = {
    event: (event, position) => {
      // Another name may be one that a rule does not allow.
      if (event.type === 'session.updated' && this.#show.session !== undefined && this.#standing() === 'over') {
        this.end();
        return false;
      }
      const more = this.#write(eventFrame(this.#streaming.eventIds, event, position));
      if (event.type !== 'session.deleted' || this.#show.session === undefined) return more;
      this.end();
      return false;
    },
    delta: (delta) => this.#write(deltaFrame(delta)),
    log: (line) => this.#write(logFrame(line)),
    reset: (position) => this.#write(resetFrame(this.#streaming.eventIds, position)),
    end: () => this.end(),
  };

  /** What to close at the end. It may have ended while the watch was being opened. */
  follow(watching: { close(): void }): void {
    if (this.#over) watching.close();
    else this.#watching = watching;
  }

  tick(): void {
    const { clock } = this.#streaming;
    if (!this.#mayGoOn()) this.end();
    else if (clock.monotonic() - this.#wroteAt >= PING_MS) this.#write(PING_FRAME);
  }

  end(): void {
    if (this.#over) return;
    this.#finish();
    this.#res.end();
  }

  judge(): void {
    if (this.#standing() !== 'good') this.end();
  }

  #mayGoOn(): boolean {
    const { clock } = this.#streaming;
    const standing = this.#standing();
    if (standing !== 'gone') {
      this.#goneSince = undefined;
      return standing === 'good';
    }
    this.#goneSince ??= clock.monotonic();
    return clock.monotonic() - this.#goneSince < FAREWELL_MS;
  }

  #standing(): Standing {
    const { services, clock } = this.#streaming;
    if (clock.now() >= this.proof.expiresAtMs) return 'over';
    const caller = services.accounts.callerOf(this.proof);
    return caller === undefined ? 'over' : this.#show.standing(caller);
  }

  #write(frame: string): boolean {
    if (this.#over) return false;
    this.#wroteAt = this.#streaming.clock.monotonic();
    this.#res.write(frame);
    if (this.#res.writableLength <= MAX_UNREAD_BYTES) return true;
    this.#streaming.log.info('events.slow_reader_cut', { account: this.proof.accountId, session: this.#show.session ?? null });
    this.#finish();
    // Not `end`, which would wait for the reader to take all of it.
    this.#res.destroy();
    return false;
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#expiry?.cancel();
    this.#streaming.streams.delete(this);
    this.#watching?.close();
  }
}

function sameSight(a: EventScope, b: EventScope): boolean {
  return sameSet(a.spaces, b.spaces) && sameSet(a.kinds, b.kinds) && a.owner === b.owner;
}

function sameSet(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every((one) => b.has(one));
}

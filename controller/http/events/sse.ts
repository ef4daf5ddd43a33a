import type { ServerResponse } from 'node:http';
import type { Context } from 'koa';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { Proof } from '../../services/access/proof.ts';
import type { Release } from '../../services/budget/at-once.ts';
import type { EventIds } from '../../services/events/event-ids.ts';
import type { EventScope, EventWatcher, Taken, Watching } from '../../services/events/watching.ts';
import { isSameSight, type LogScope } from '../../services/logs/log-scope.ts';
import type { Services } from '../../services/services.ts';
import { proofOf } from '../access/authentication.ts';
import { payerIn } from '../access/budget-gate.ts';
import { hasLeft } from '../server/connections.ts';
import { type EventFrames, eventFrames, HELLO_FRAME, PING_FRAME, positionIn } from './event-frames.ts';
import { FrameQueue } from './frame-queue.ts';
import type { SseStream, SseStreams } from './sse-streams.ts';

/**
 * A client that reads nothing for this long is disconnected. It can reconnect with its
 * Last-Event-ID.
 */
const STUCK_MS = 30_000;
const PING_MS = 15_000;
const MAX_TIMER_MS = 2 ** 31 - 1;
/** How long the stream of a deleted session stays open for its last event. */
const FAREWELL_MS = 30_000;

export interface Streaming {
  readonly services: Pick<Services, 'accounts' | 'builds' | 'events' | 'logs'>;
  readonly streams: SseStreams;
  readonly eventIds: EventIds;
  readonly clock: Clock;
  readonly log: Log;
}

/** Streams the events of one session, or all that the caller can see, until either side ends it. */
export function streamEvents(ctx: Context, caller: Caller, session: SessionId | undefined, streaming: Streaming): Outcome<undefined> {
  const { services } = streaming;
  const scope = services.events.scope(caller, session);
  if (!scope.ok) return scope;
  const after = positionIn(streaming.eventIds, ctx.get('Last-Event-ID'));
  if (!after.ok) return after;
  return openStream(ctx, streaming, {
    session,
    standing(caller) {
      const now = services.events.scope(caller, session);
      if (!now.ok) return session === undefined || services.events.isThere(session) ? 'over' : 'deleted';
      return sameSight(now.value, scope.value) ? 'visible' : 'over';
    },
    watch: (watcher) => services.events.watch(scope.value, after.value, watcher),
  });
}

/** Streams the log lines of a scope until either side ends it, or the caller sees other lines. */
export function streamLogs(
  ctx: Context,
  scope: LogScope,
  scopeOf: (caller: Caller) => Outcome<LogScope>,
  streaming: Streaming,
): Outcome<undefined> {
  return openStream(ctx, streaming, {
    session: scope.session,
    standing(caller) {
      const now = scopeOf(caller);
      return now.ok && isSameSight(now.value, scope) ? 'visible' : 'over';
    },
    watch(watcher, offer) {
      const lost = (count: number) => offer(() => framesOf(streaming.eventIds).dropped(count));
      return streaming.services.logs.follow(scope, { log: watcher.log, end: watcher.end, lost });
    },
  });
}

/** Whether the caller can still see the stream. `deleted`: its session is deleted. */
type Standing = 'visible' | 'deleted' | 'over';
export interface Show {
  readonly session: SessionId | undefined;
  standing(caller: Caller): Standing;
  /** `offer` adds a frame of another kind. */
  watch(watcher: EventWatcher, offer: (frame: () => Buffer) => Taken): Watching;
}

/** One encoder per id spelling, so that all streams share encoded events. */
const encoders = new WeakMap<EventIds, EventFrames>();

function framesOf(ids: EventIds): EventFrames {
  const known = encoders.get(ids) ?? eventFrames(ids);
  encoders.set(ids, known);
  return known;
}

export function openStream(ctx: Context, streaming: Streaming, show: Show): Outcome<undefined> {
  if (hasLeft(ctx)) return accepted(undefined);
  const proof = proofOf(ctx);
  const place = streaming.streams.budgets.take('streams', payerIn(ctx));
  if (!place.ok) return place;
  ctx.set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' });
  ctx.status = 200;
  if (ctx.method === 'HEAD') {
    place.value();
    return accepted(undefined);
  }
  // Bypasses Koa, which reports each disconnect of a piped stream as an error and hides unread
  // bytes.
  ctx.respond = false;
  const stream = new EventStream(ctx.res, { proof, release: place.value }, show, streaming);
  stream.follow(show.watch(stream.watcher, (frame) => stream.offer(frame)));
  return accepted(undefined);
}

class EventStream implements SseStream {
  readonly #res: ServerResponse;
  readonly proof: Proof;
  readonly #expiry: Timer | undefined;
  readonly #show: Show;
  readonly #streaming: Streaming;
  readonly #frames: EventFrames;
  readonly #queue: FrameQueue;
  readonly #release: Release;
  #watching: Watching | undefined;
  #over = false;
  #wroteAt: number;
  #goneSince: number | undefined;

  constructor(res: ServerResponse, { proof, release }: { proof: Proof; release: Release }, show: Show, streaming: Streaming) {
    const { clock, streams } = streaming;
    this.#res = res;
    this.proof = proof;
    this.#release = release;
    this.#show = show;
    this.#streaming = streaming;
    this.#frames = framesOf(streaming.eventIds);
    this.#queue = new FrameQueue({ res, account: proof.accountId, unsent: streams.unsent, clock, onRoom: () => this.#watching?.resume() });
    this.#wroteAt = clock.monotonic();
    res.on('close', () => this.#closed());
    res.on('error', () => this.#closed());
    const leftMs = proof.expiresAtMs - clock.now();
    // Timers of Node.js end at 24.8 days; the tick covers a later expiry.
    if (leftMs < MAX_TIMER_MS) this.#expiry = clock.after(leftMs, () => this.end());
    res.flushHeaders();
    this.#queue.add(HELLO_FRAME);
    streams.add(this);
  }

  readonly watcher: EventWatcher = {
    event: (event, position) => {
      // A rule can be limited to names, and this event can change the name.
      if (event.type === 'session.updated' && this.#show.session !== undefined && this.#standing() === 'over') {
        this.end();
        return 'over';
      }
      const taken = this.offer(() => this.#frames.event(event, position));
      if (taken !== 'more' || event.type !== 'session.deleted' || this.#show.session === undefined) return taken;
      this.end();
      return 'over';
    },
    delta: (delta) => this.offer(() => this.#frames.delta(delta)),
    log: (line) => this.offer(() => this.#frames.log(line)),
    reset: (position) => this.offer(() => this.#frames.reset(position)),
    end: () => this.end(),
  };

  /**
   * Registers the watch to close at the end. The stream can have ended while the watch was opening.
   */
  follow(watching: Watching): void {
    if (this.#over) watching.close();
    else this.#watching = watching;
  }

  tick(): void {
    const { clock } = this.#streaming;
    if (this.#queue.stuckMs >= STUCK_MS) return this.#cut();
    if (this.#over) return;
    if (!this.#mayGoOn()) this.end();
    else if (this.#queue.unsentBytes === 0 && clock.monotonic() - this.#wroteAt >= PING_MS) {
      this.#wroteAt = clock.monotonic();
      this.#queue.add(PING_FRAME);
    }
  }

  /** Stops showing events. Unsent frames are still sent while the client reads. */
  end(): void {
    if (this.#over) return;
    this.#finish();
    this.#queue.end();
  }

  judge(): void {
    if (!this.#over && this.#standing() !== 'visible') this.end();
  }

  #mayGoOn(): boolean {
    const { clock } = this.#streaming;
    const standing = this.#standing();
    if (standing !== 'deleted') {
      this.#goneSince = undefined;
      return standing === 'visible';
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

  /** Adds a frame, unless there is no room. */
  offer(frame: () => Buffer): Taken {
    if (this.#over) return 'over';
    if (!this.#queue.offer(frame)) return 'full';
    this.#wroteAt = this.#streaming.clock.monotonic();
    return 'more';
  }

  #cut(): void {
    const { log, streams } = this.#streaming;
    log.info('events.slow_reader_cut', {
      account: this.proof.accountId,
      session: this.#show.session ?? null,
      unsent_bytes: this.#queue.unsentBytes,
      stuck_ms: Math.round(this.#queue.stuckMs),
    });
    streams.countCut();
    this.#finish();
    // `end` would wait until the client has read everything.
    this.#res.destroy();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#expiry?.cancel();
    this.#watching?.close();
  }

  #closed(): void {
    this.#finish();
    this.#queue.close();
    this.#streaming.streams.delete(this);
    this.#release();
  }
}

function sameSight(a: EventScope, b: EventScope): boolean {
  if (a === b) return true;
  if (a.owner !== b.owner || a.keysOf !== b.keysOf || !sameSet(a.ownedIn, b.ownedIn)) return false;
  return sameSet(a.spaces, b.spaces) && sameSet(a.kinds, b.kinds) && sameSpaces(a.ofSpaces, b.ofSpaces);
}

function sameSpaces(a: EventScope['ofSpaces'], b: EventScope['ofSpaces']): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isSame = ([kind, spaces]: [string, 'all' | ReadonlySet<string>]) => {
    const others = b.get(kind);
    return spaces === 'all' || others === 'all' ? spaces === others : sameSet(spaces, others);
  };
  return a.size === b.size && [...a].every(isSame);
}

function sameSet(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every((one) => b.has(one));
}

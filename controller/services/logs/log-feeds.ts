import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { LOGS, LogDecoder, type Logged, MAX_LOG_AGENTS, type StreamedLine } from '../../../proto/streams/log-stream.ts';
import type { Clock, Timer } from '../../../seams/clock.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { NodeId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { LogNews } from '../../domain/events/events.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Applier } from '../engine/applier.ts';
import type { Lists } from '../engine/lists.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import type { EventWatcher } from '../events/watching.ts';
import type { ByteStreams } from '../streams/byte-streams.ts';
import { FeedPlaces } from './feed-places.ts';
import { FeedRate } from './feed-rate.ts';
import { type Hearing, hears } from './hears.ts';
import { agentsOf, isUp, type LogScope } from './log-scope.ts';

/** Most recently active sessions that a watch follows from the start. */
const MAX_FOLLOWED = 1_000;
/** Maximum number of feeds, open or waiting for a place. */
const MAX_FEEDS = 10_000;
const OPENED_AT_ONCE = 16;
/** How often feeds without a place get the places of quiet ones. */
const TURN_MS = 1_000;
/** Lines that a feed reads when it opens: printed since it was wanted, or last open. */
const MAX_MISSED = 1_000;
const WINDOW_BYTES = 64 * 1024;
const REOPEN_MS = 500;

export interface LogFeedDeps {
  readonly streams: Pick<ByteStreams, 'start'>;
  readonly applier: Pick<Applier, 'onCommitted'>;
  readonly view: View;
  readonly lists: Pick<Lists, 'sessionsWithLogs'>;
  readonly loops: Loops;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

type FeedWatcher = Pick<EventWatcher, 'log' | 'end'>;

interface Watch {
  readonly scope: LogScope;
  readonly watcher: FeedWatcher;
  readonly sinceMs: number;
}

/** A watch, and the agents of a session that it can see. */
interface Watched {
  readonly watch: Watch;
  readonly agents: readonly string[];
}

/** Stands for all agents of a session. No agent has this name. */
const ALL = '*';
/** `{session} {agent name or *}` */
type FeedKey = `${SessionId} ${string}`;
const partOf = ({ agent }: LogScope): string => agent?.name ?? ALL;

/** Whose lines a stream has, and the agent of lines that name none. */
interface Heard {
  readonly row: SessionRow;
  readonly route: { readonly space: SpaceId; readonly node: NodeId };
  readonly byDefault: string;
}

/** The output of one agent in one session, or of all its agents, for all followers. */
interface Feed extends Hearing {
  readonly space: SpaceId;
  /** Undefined while the session is not running, or between two attempts. */
  stream: ByteStream | undefined;
}

/**
 * Follows the logs of agents, with one byte stream per session, or per agent and session where one
 * agent is followed. A stream opens when the session is running and closes with its last follower.
 * After a disconnect it reopens and sends the missed lines. If there are more sessions than places
 * for streams, they take turns, and catch up the same way.
 */
export class LogFeeds {
  readonly #deps: LogFeedDeps;
  readonly #watches = new Map<SpaceId, Set<Watch>>();
  readonly #feeds = new Map<FeedKey, Feed>();
  readonly #places = new FeedPlaces<FeedKey>();
  readonly #rate: FeedRate;
  readonly #loop: Loop<FeedKey>;
  readonly #dropped: Counter<'kind'>;
  #turn: Timer | undefined;
  #isClosed = false;

  constructor(deps: LogFeedDeps) {
    this.#deps = deps;
    this.#rate = new FeedRate(deps.clock);
    const { metrics = silentMetrics } = deps;
    this.#dropped = metrics.counter({
      name: 'watcher_drops_total',
      help: 'Partial output and log lines dropped because a watcher had no room.',
      labels: ['kind'],
    });
    metrics.gauge({ name: 'log_feeds', help: 'Agents and sessions whose logs are followed.', read: () => this.#feeds.size });
    metrics.gauge({
      name: 'log_feeds_waiting',
      help: 'Followed logs that wait for a turn, because there are more than places for streams.',
      read: () => this.#places.waiting,
    });
    this.#loop = deps.loops.open({
      name: 'log_feeds',
      concurrency: OPENED_AT_ONCE,
      // A disconnected node or guest is not an error of the loop.
      failed: () => undefined,
      run: (key, closing) => this.#bringUpToDate(key, closing),
    });
    deps.applier.onCommitted(({ mutations }) => {
      if (this.#watches.size === 0) return;
      for (const mutation of mutations) if (mutation.kind === 'put' && mutation.table === 'sessions') this.#sessionChanged(mutation.row);
    });
  }

  /**
   * Calls the watcher with each new line of the scope's agents until closed. Drops the lines for
   * which the watcher has no room.
   */
  watch(scope: LogScope, watcher: FeedWatcher): { close(): void } {
    const watch: Watch = { scope, watcher, sinceMs: this.#deps.clock.now() };
    if (this.#isClosed) {
      this.#deps.clock.soon(() => watcher.end());
      return { close: () => undefined };
    }
    const { id } = scope.space;
    const those = this.#watches.get(id) ?? new Set();
    this.#watches.set(id, those.add(watch));
    return {
      close: () => {
        those.delete(watch);
        if (those.size === 0 && this.#watches.get(id) === those) {
          this.#watches.delete(id);
          this.#rate.forget(id);
          if (this.#watches.size === 0) this.#rate.clear();
        }
        for (const [key, { space }] of this.#feeds) if (space === id && key.endsWith(` ${partOf(scope)}`)) this.#loop.wake(key);
      },
    };
  }

  /** Resolves once a stream to each running session was opened, has failed, or waits its turn. */
  async ready(scope: LogScope): Promise<void> {
    const { session } = scope;
    const sinceMs = this.#deps.clock.now();
    const { ids } = session === undefined ? await this.#deps.lists.sessionsWithLogs(scope, MAX_FOLLOWED) : { ids: [session] };
    await Promise.all(
      ids.map((id) => {
        const key: FeedKey = `${id} ${partOf(scope)}`;
        const row = this.#deps.view.get('sessions', id);
        // A session that starts later is followed anyway.
        if (this.#feeds.get(key)?.stream !== undefined || row === undefined || !isUp(row)) return undefined;
        this.#add(key, row, sinceMs);
        return this.#loop.settled(key);
      }),
    );
  }

  /** Ends all watches. */
  close(): void {
    this.#isClosed = true;
    this.#turn?.cancel();
    const watches = [...this.#watches.values()].flatMap((those) => [...those]);
    this.#watches.clear();
    for (const { stream } of this.#feeds.values()) stream?.destroy();
    this.#feeds.clear();
    for (const { watcher } of watches) watcher.end();
  }

  #add(key: FeedKey, { spaceId: space }: SessionRow, sinceMs: number): void {
    if (!this.#feeds.has(key) && this.#feeds.size < MAX_FEEDS)
      this.#feeds.set(key, { space, stream: undefined, sinceMs, heard: new Set() });
  }

  #sessionChanged(row: SessionRow): void {
    const parts = new Map<string, number>();
    for (const { scope, sinceMs } of this.#watches.get(row.spaceId) ?? []) {
      const part = partOf(scope);
      if (!parts.has(part) && agentsOf(row, scope).length > 0) parts.set(part, sinceMs);
    }
    for (const [part, sinceMs] of parts) {
      const key: FeedKey = `${row.id} ${part}`;
      if (isUp(row)) this.#add(key, row, sinceMs);
      this.#places.hurry(key);
      this.#loop.wake(key);
    }
    // A session can be deleted, or leave a scope.
    if (parts.size === 0) for (const { scope } of this.#watches.get(row.spaceId) ?? []) this.#loop.wake(`${row.id} ${partOf(scope)}`);
  }

  /** Returns the watches of this part of a session, each with the agents that it can see. */
  #watchesOf(row: SessionRow | undefined, part: string): readonly Watched[] {
    if (row === undefined) return [];
    return [...(this.#watches.get(row.spaceId) ?? [])]
      .filter(({ scope }) => partOf(scope) === part)
      .map((watch) => ({ watch, agents: agentsOf(row, watch.scope) }))
      .filter(({ agents }) => agents.length > 0);
  }

  async #bringUpToDate(key: FeedKey, closing: AbortSignal): Promise<undefined> {
    const feed = this.#feeds.get(key);
    if (feed === undefined) return;
    const { clock, streams, view } = this.#deps;
    const [id = '', part = ''] = key.split(' ');
    const row = view.get('sessions', id as SessionId);
    if (row === undefined || this.#watchesOf(row, part).length === 0) {
      this.#feeds.delete(key);
      this.#free(key);
      feed.stream?.destroy();
      return;
    }
    if (feed.stream !== undefined) return;
    if (!isUp(row) || row.nodeId === null) return this.#free(key);
    const route = { space: row.spaceId, node: row.nodeId };
    if (!this.#places.take(key, route, clock.monotonic())) {
      this.#turn ??= clock.after(TURN_MS, () => this.#takeTurns());
      return;
    }
    const agents = part === ALL ? row.agents.slice(0, MAX_LOG_AGENTS).map(({ name }) => name) : [part];
    const parameters = { agent: agents[0], agents, stream: 'all', follow: true, limit: MAX_MISSED, sinceMs: feed.sinceMs };
    const opened = await streams.start(row, { kind: LOGS, parameters, window: WINDOW_BYTES }, closing);
    if (!opened.ok) {
      this.#free(key);
      throw new Error(opened.refusal.message);
    }
    this.#listen(key, feed, { row, route, byDefault: agents[0] ?? '' }, opened.value);
  }

  #free(key: FeedKey): undefined {
    const next = this.#places.free(key, this.#deps.clock.monotonic());
    if (next !== undefined) this.#loop.wake(next);
  }

  /** Closes quiet feeds whose places others wait for. They wait in turn. */
  #takeTurns(): void {
    this.#turn = undefined;
    for (const key of this.#places.turn()) this.#feeds.get(key)?.stream?.destroy();
    if (this.#places.waiting > 0) this.#turn = this.#deps.clock.after(TURN_MS, () => this.#takeTurns());
  }

  #listen(key: FeedKey, feed: Feed, { row, route, byDefault }: Heard, stream: ByteStream): void {
    const { clock } = this.#deps;
    feed.stream = stream;
    const decoder = new LogDecoder();
    let isLive = false;
    const part = key.slice(key.indexOf(' ') + 1);
    stream.on('error', () => undefined);
    stream.on('data', (bytes: Buffer) => {
      let lines: readonly Logged[];
      try {
        lines = decoder.decode(bytes);
      } catch (error) {
        stream.destroy(error instanceof Error ? error : undefined);
        return;
      }
      this.#places.heard(key, clock.monotonic());
      // Found once: there can be very many lines and watches.
      const watches = this.#watchesOf(this.#deps.view.get('sessions', row.id), part);
      const waitMs = this.#rate.read(route, bytes.byteLength, watches.length);
      if (waitMs > 0) {
        stream.pause();
        clock.after(waitMs, () => stream.resume());
      }
      for (const line of lines) {
        if (line === 'live') isLive = true;
        else if (hears(feed, line) || isLive) this.#tell(row, watches, { ...line, agent: line.agent ?? byDefault });
      }
    });
    stream.on('end', () => stream.end());
    stream.once('close', () => {
      if (feed.stream === stream) feed.stream = undefined;
      if (this.#feeds.get(key) !== feed) return;
      this.#free(key);
      this.#loop.after(key, REOPEN_MS);
    });
  }

  #tell({ id, spaceId }: SessionRow, watches: readonly Watched[], { atMs, ...line }: StreamedLine & { readonly agent: string }): void {
    const news: LogNews = { spaceId, sessionId: id, ...line, at: atMs };
    const open = this.#watches.get(spaceId);
    for (const { watch, agents } of watches)
      if (agents.includes(news.agent) && open?.has(watch) && watch.watcher.log(news) === 'full') this.#dropped.add(1, { kind: 'log' });
  }
}

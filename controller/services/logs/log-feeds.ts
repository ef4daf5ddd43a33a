import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { LOGS, LogDecoder, type Logged, type StreamedLine } from '../../../proto/streams/log-stream.ts';
import type { Clock } from '../../../seams/clock.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { LogNews } from '../../domain/events/events.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Applier } from '../engine/applier.ts';
import type { Lists } from '../engine/lists.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import type { LineWatcher } from '../events/watching.ts';
import type { ByteStreams } from '../streams/byte-streams.ts';
import { holds, isUp, type LogScope } from './log-scope.ts';

/** Most recently active sessions of one agent that are followed from the start. */
const MAX_FOLLOWED = 256;
/** Maximum number of feeds of all agents and sessions. */
const MAX_FEEDS = 1_000;
const OPENED_AT_ONCE = 16;
/** Lines that a feed reads again after a disconnect. */
const MAX_MISSED = 1_000;
const WINDOW_BYTES = 64 * 1024;
const REOPEN_MS = 500;

export interface LogFeedDeps {
  readonly streams: Pick<ByteStreams, 'start'>;
  readonly applier: Pick<Applier, 'onCommitted'>;
  readonly view: View;
  readonly lists: Pick<Lists, 'sessionsWithAgent'>;
  readonly loops: Loops;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

interface Watch {
  readonly scope: LogScope;
  readonly watcher: LineWatcher;
  readonly sinceMs: number;
}

/** `{session} {agent name}` */
type FeedKey = `${SessionId} ${string}`;

/** The output of one agent in one session, for all its followers. */
interface Feed {
  /** Undefined while the session is not running, or between two attempts. */
  stream: ByteStream | undefined;
  /** A new stream begins with the lines from this time on; undefined: with new lines only. */
  sinceMs: number | undefined;
  /** Received lines of the millisecond `sinceMs`. */
  readonly heard: Set<string>;
}

/**
 * Follows the logs of agents, with one byte stream per followed agent and session. A stream opens
 * when the session is running and closes with its last follower. After a disconnect it reopens and
 * sends the missed lines.
 */
export class LogFeeds {
  readonly #deps: LogFeedDeps;
  /** By agent name. */
  readonly #watches = new Map<string, Set<Watch>>();
  readonly #feeds = new Map<FeedKey, Feed>();
  readonly #loop: Loop<FeedKey>;
  readonly #dropped: Counter<'kind'>;
  #isClosed = false;

  constructor(deps: LogFeedDeps) {
    this.#deps = deps;
    const { metrics = silentMetrics } = deps;
    this.#dropped = metrics.counter({
      name: 'watcher_drops_total',
      help: 'Partial output and log lines dropped because a watcher had no room.',
      labels: ['kind'],
    });
    metrics.gauge({ name: 'log_feeds', help: 'Agents and sessions whose logs are followed.', read: () => this.#feeds.size });
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
   * Calls the watcher with each new line of the agent, in one session or in all, until closed.
   * Drops the lines for which the watcher has no room.
   */
  watch(scope: LogScope, watcher: LineWatcher): { close(): void } {
    const watch: Watch = { scope, watcher, sinceMs: this.#deps.clock.now() };
    if (this.#isClosed) {
      this.#deps.clock.soon(() => watcher.end());
      return { close: () => undefined };
    }
    const { name } = scope.agent;
    const those = this.#watches.get(name) ?? new Set();
    this.#watches.set(name, those.add(watch));
    return {
      close: () => {
        those.delete(watch);
        if (those.size === 0 && this.#watches.get(name) === those) this.#watches.delete(name);
        for (const key of this.#feeds.keys()) this.#loop.wake(key);
      },
    };
  }

  /** Resolves once a stream to each running session was opened or has failed. */
  async ready(scope: LogScope): Promise<void> {
    const { agent, session } = scope;
    const { ids } =
      session === undefined ? await this.#deps.lists.sessionsWithAgent(agent.spaceId, agent.id, MAX_FOLLOWED) : { ids: [session] };
    await Promise.all(
      ids.map((id) => {
        const key: FeedKey = `${id} ${agent.name}`;
        const row = this.#deps.view.get('sessions', id);
        // A session that starts later is followed anyway.
        if (this.#feeds.get(key)?.stream !== undefined || row === undefined || !isUp(row)) return undefined;
        this.#add(key, undefined);
        return this.#loop.settled(key);
      }),
    );
  }

  /** Ends all watches. */
  close(): void {
    this.#isClosed = true;
    const watches = [...this.#watches.values()].flatMap((those) => [...those]);
    this.#watches.clear();
    for (const { stream } of this.#feeds.values()) stream?.destroy();
    this.#feeds.clear();
    for (const { watcher } of watches) watcher.end();
  }

  #add(key: FeedKey, sinceMs: number | undefined): void {
    if (!this.#feeds.has(key) && this.#feeds.size < MAX_FEEDS) this.#feeds.set(key, { stream: undefined, sinceMs, heard: new Set() });
  }

  #sessionChanged(row: SessionRow): void {
    for (const { name } of row.agents) {
      const [watch] = this.#watchesOf(row, name);
      if (watch === undefined) continue;
      const key: FeedKey = `${row.id} ${name}`;
      if (isUp(row)) this.#add(key, watch.sinceMs);
      this.#loop.wake(key);
    }
  }

  #watchesOf(row: SessionRow | undefined, agent: string): Watch[] {
    return row === undefined ? [] : [...(this.#watches.get(agent) ?? [])].filter(({ scope }) => isWatched(row, scope));
  }

  async #bringUpToDate(key: FeedKey, closing: AbortSignal): Promise<undefined> {
    const feed = this.#feeds.get(key);
    if (feed === undefined) return;
    const [id = '', agent = ''] = key.split(' ');
    const row = this.#deps.view.get('sessions', id as SessionId);
    if (row === undefined || this.#watchesOf(row, agent).length === 0) {
      this.#feeds.delete(key);
      feed.stream?.destroy();
      return;
    }
    if (feed.stream !== undefined || !isUp(row)) return;
    const since = feed.sinceMs === undefined ? { limit: 0, sinceMs: 0 } : { limit: MAX_MISSED, sinceMs: feed.sinceMs };
    const parameters = { agent, stream: 'all', follow: true, ...since };
    const opened = await this.#deps.streams.start(row, { kind: LOGS, parameters, window: WINDOW_BYTES }, closing);
    if (!opened.ok) throw new Error(opened.refusal.message);
    feed.sinceMs ??= this.#deps.clock.now();
    this.#listen(key, feed, row, opened.value);
  }

  #listen(key: FeedKey, feed: Feed, row: SessionRow, stream: ByteStream): void {
    feed.stream = stream;
    const decoder = new LogDecoder();
    let isLive = false;
    const agent = key.slice(key.indexOf(' ') + 1);
    stream.on('error', () => undefined);
    stream.on('data', (bytes: Buffer) => {
      let lines: readonly Logged[];
      try {
        lines = decoder.decode(bytes);
      } catch (error) {
        stream.destroy(error instanceof Error ? error : undefined);
        return;
      }
      for (const line of lines) {
        if (line === 'live') isLive = true;
        else if (hears(feed, line) || isLive) this.#tell(row, agent, line);
      }
    });
    stream.on('end', () => stream.end());
    stream.once('close', () => {
      if (feed.stream === stream) feed.stream = undefined;
      if (this.#feeds.get(key) === feed) this.#loop.after(key, REOPEN_MS);
    });
  }

  #tell({ id, spaceId }: SessionRow, agent: string, { atMs, ...line }: StreamedLine): void {
    const news: LogNews = { spaceId, sessionId: id, agent, ...line, at: atMs };
    for (const { watcher } of this.#watchesOf(this.#deps.view.get('sessions', id), agent))
      if (watcher.log(news) === 'full') this.#dropped.add(1, { kind: 'log' });
  }
}

const isWatched = (row: SessionRow, scope: LogScope): boolean =>
  (scope.session === undefined || scope.session === row.id) && holds(row, scope);

/**
 * Records the newest line of a feed. Returns false for a repeated one, which occurs after a
 * reconnect.
 */
function hears(feed: Feed, { runId, stream, line, atMs }: StreamedLine): boolean {
  const text = `${runId} ${stream} ${line}`;
  if (atMs !== feed.sinceMs) feed.heard.clear();
  feed.sinceMs = atMs;
  const isNew = !feed.heard.has(text);
  feed.heard.add(text);
  return isNew;
}

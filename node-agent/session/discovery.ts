import type { Timer } from '../../seams/clock.ts';
import { messageOf } from '../../seams/message-of.ts';
import type { Conditions } from '../conditions.ts';
import type { Outbox } from '../control/outbox.ts';
import type { DriverChange } from '../engine/driver.ts';
import type { EngineTurns } from '../engine/engine-turns.ts';
import { EngineWatch } from '../engine/engine-watch.ts';
import { NOTHING_SEEN } from '../engine/seen.ts';
import type { Host } from '../host.ts';
import { endStrayCopies } from '../volumes/jobs.ts';
import type { Sessions } from './sessions.ts';

/** Interval of listings, which find what no event reported. */
const LIST_EVERY_MS = 60_000;

export interface DiscoveryDeps extends Pick<Host, 'driver' | 'listener' | 'ledger' | 'clock' | 'log'> {
  readonly sessions: Sessions;
  readonly engine: EngineTurns;
  readonly outbox: Outbox;
  readonly conditions: Conditions;
  readonly listEveryMs?: number | undefined;
  /** Calls the engine without waiting for a session's turn. */
  call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * Finds out what the engine has, and passes each session its part. Sources are events, and listings
 * at the start, after each interruption and from time to time. Listings run one at a time, with at
 * most one of each kind waiting.
 */
export class Discovery {
  readonly #deps: DiscoveryDeps;
  readonly #engineWatch: EngineWatch;
  readonly #wanted = new Set<'images' | 'everything'>();
  #listing: Promise<void> | undefined;
  #events: { close(): void } | undefined;
  #timer: Timer | undefined;
  #images: readonly string[] = [];
  #isClosed = false;

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
    this.#engineWatch = new EngineWatch({
      ...deps,
      ping: (signal) => deps.driver.ping(signal),
      changed: (answers) => this.#engineAnswers(answers),
    });
  }

  /** Tags of Raworc's images, as last seen. */
  get images(): readonly string[] {
    return this.#images;
  }

  /** Resolves when each existing session has received its part of a first listing. */
  async begin(): Promise<void> {
    await this.#listEverything();
    this.#events = this.#deps.driver.watch((change) => this.#changed(change));
  }

  /** Starts the regular listings and the watch on whether the engine answers. */
  start(): void {
    this.#listLater();
    this.#engineWatch.start();
  }

  /** Stops discovery. */
  stop(): void {
    this.#isClosed = true;
    this.#events?.close();
    this.#timer?.cancel();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#engineWatch.close();
  }

  #changed(change: DriverChange): void {
    const { sessions } = this.#deps;
    if (this.#isClosed) return;
    switch (change.kind) {
      case 'session':
        return sessions.of(change.sessionId).wake();
      case 'lost':
        for (const reconciler of sessions.all()) reconciler.engineLost();
        return;
      case 'images':
      case 'everything':
        return this.#list(change.kind);
      default:
        change satisfies never;
    }
  }

  /** While the engine hangs, it gets no calls. Once it answers, everything is listed. */
  #engineAnswers(answers: boolean): void {
    if (this.#isClosed) return;
    if (!answers) return this.#deps.engine.pause();
    this.#deps.engine.resume();
    this.#list('everything');
  }

  #listLater(): void {
    this.#timer = this.#deps.clock.after(this.#deps.listEveryMs ?? LIST_EVERY_MS, () => {
      this.#list('everything');
      this.#listLater();
    });
  }

  /** The next listing makes up for one that fails. */
  #list(what: 'images' | 'everything'): void {
    this.#wanted.add(what);
    this.#listing ??= this.#listWanted().finally(() => {
      this.#listing = undefined;
    });
  }

  async #listWanted(): Promise<void> {
    const { driver, log, call } = this.#deps;
    while (this.#wanted.size > 0 && !this.#isClosed) {
      const isAll = this.#wanted.has('everything');
      this.#wanted.clear();
      // Once it answers again, everything is listed.
      if (!this.#engineWatch.answers) return;
      try {
        if (isAll) await call((signal) => driver.prepare(signal));
        await (isAll ? this.#listEverything() : this.#listImages());
      } catch (error) {
        if (this.#isClosed) return;
        log.warn('driver.away', { error: messageOf(error) });
      }
    }
  }

  async #listEverything(): Promise<void> {
    const { driver, listener, ledger, sessions, call } = this.#deps;
    const seen = await call((signal) => driver.list(signal));
    if (this.#isClosed) return;
    // A copy begun by an earlier process awaits the state of its source, even if that was removed.
    const known = new Set([...seen.keys(), ...ledger.sessionIds().filter((id) => ledger.isLive(id)), ...ledger.copies.sources()]);
    await call((signal) => endStrayCopies(driver, ledger, signal));
    for (const sessionId of await listener.left())
      if (!known.has(sessionId) && sessions.find(sessionId) === undefined) await listener.close(sessionId);
    for (const { sessionId } of sessions.all()) known.add(sessionId);
    for (const sessionId of known) sessions.of(sessionId).listed(seen.get(sessionId) ?? NOTHING_SEEN);
    await this.#listImages();
  }

  async #listImages(): Promise<void> {
    const { driver, sessions, outbox, call } = this.#deps;
    const images = [...(await call((signal) => driver.images(signal)))].sort();
    if (images.join('\n') === this.#images.join('\n')) return;
    this.#images = images;
    for (const image of images) sessions.imageArrived(image);
    outbox.keep('images', { kind: 'images', value: { images } });
  }
}

import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Outbox } from '../control/outbox.ts';
import type { Driver } from '../engine/driver.ts';
import { NOTHING_SEEN } from '../engine/seen.ts';
import type { GuestDoors } from '../guests/listener.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { endStrayCopies } from '../volumes/jobs.ts';
import type { Sessions } from './sessions.ts';

/** From time to time everything is looked at again, for what no event told. */
const RELIST_EVERY_MS = 60_000;

export interface RelistDeps {
  readonly driver: Driver;
  readonly doors: GuestDoors;
  readonly ledger: Ledger;
  readonly sessions: Sessions;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly everyMs?: number | undefined;
  /** Whether the engine answers at all. */
  answers(): boolean;
  call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Looks at all that the engine has, and hands each session what is there of it: one look after the other, each kind waiting once at most. */
export class Relist {
  readonly #deps: RelistDeps;
  readonly #wanted = new Set<'images' | 'everything'>();
  #looking: Promise<void> | undefined;
  #timer: Timer | undefined;
  #images: readonly string[] = [];
  #isClosed = false;

  constructor(deps: RelistDeps) {
    this.#deps = deps;
  }

  /** Tags of Raworc's images, as last seen. */
  get images(): readonly string[] {
    return this.#images;
  }

  /** From now on everything is looked at from time to time. */
  start(): void {
    this.#timer = this.#deps.clock.after(this.#deps.everyMs ?? RELIST_EVERY_MS, () => {
      this.look('everything');
      this.start();
    });
  }

  /** A look that fails is made good by the next. */
  look(what: 'images' | 'everything'): void {
    this.#wanted.add(what);
    this.#looking ??= this.#looks().finally(() => {
      this.#looking = undefined;
    });
  }

  async lookAtEverything(): Promise<void> {
    const { driver, doors, ledger, sessions, call } = this.#deps;
    const seen = await call((signal) => driver.list(signal));
    if (this.#isClosed) return;
    const known = new Set([...seen.keys(), ...ledger.sessionIds().filter((id) => ledger.isLive(id))]);
    await call((signal) => endStrayCopies(driver, ledger, signal));
    for (const sessionId of await doors.left())
      if (!known.has(sessionId) && sessions.find(sessionId) === undefined) await doors.close(sessionId);
    for (const { sessionId } of sessions.all()) known.add(sessionId);
    for (const sessionId of known) sessions.of(sessionId).listed(seen.get(sessionId) ?? NOTHING_SEEN);
    await this.#lookAtImages();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #looks(): Promise<void> {
    const { driver, log, answers, call } = this.#deps;
    while (this.#wanted.size > 0 && !this.#isClosed) {
      const isAll = this.#wanted.has('everything');
      this.#wanted.clear();
      // Once it answers again, everything is looked at.
      if (!answers()) return;
      try {
        if (isAll) {
          await call((signal) => driver.prepare(signal));
          await this.lookAtEverything();
        } else await this.#lookAtImages();
      } catch (error) {
        if (this.#isClosed) return;
        log.warn('driver.away', { error: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  async #lookAtImages(): Promise<void> {
    const { driver, sessions, outbox, call } = this.#deps;
    const images = [...(await call((signal) => driver.images(signal)))].sort();
    if (images.join('\n') === this.#images.join('\n')) return;
    this.#images = images;
    for (const image of images) sessions.imageArrived(image);
    outbox.keep('images', { kind: 'images', value: { images } });
  }
}

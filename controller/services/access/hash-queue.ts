import type { Clock } from '../../../seams/clock.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

/** The caller that a password is hashed for. */
export interface HashCaller {
  /** An account or a network. Requests with the same key take turns. */
  readonly key: string;
  /**
   * 0 for an account that has logged in from this network; else 1 plus the failures of the network.
   */
  readonly rank: number;
}

/** The controller itself, at startup. */
export const CONTROLLER_CALLER: HashCaller = { key: '', rank: 0 };

/** With more than one turn, one stays free for known callers. */
const STRANGERS_AT_ONCE = 1;
const MAX_KNOWN = 128;
const MAX_STRANGERS = 32;
const MAX_OF_KEY = 16;
const MAX_OF_STRANGER = 4;
const RETRY_S = 2;

interface Waiting {
  readonly caller: HashCaller;
  start(): void;
  refuse(): void;
}

/** Guesses wait four times as long as the last one took, so that they take a fifth of a core. */
const PAUSE_PER_HASH = 4;
/** Hashes take long on a busy machine, where guesses take little of a core anyway. */
const MAX_PAUSE_MS = 1000;

const isStranger = ({ rank }: HashCaller) => rank > 0;
/** A network from which a login has failed. */
const isGuesser = ({ rank }: HashCaller) => rank > 1;

/**
 * Limits how many passwords are hashed at once. Strangers wait in a queue of their own, fewest
 * failures first; when it is full, the one with the most failures is refused. Known callers and
 * strangers alternate, so that neither starves the other. Networks with failures pause between
 * hashes: even at a low priority, each hash delays requests, and empties the caches they use.
 */
export class HashQueue {
  readonly #known: Waiting[] = [];
  readonly #strangers: Waiting[] = [];
  /** Waiting and running. */
  readonly #ofKey = new Map<string, number>();
  readonly #atOnce: number;
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>;
  #isPausing = false;
  #running = 0;
  #strangersRunning = 0;
  #wasKnown = false;

  constructor(atOnce: number, clock: Pick<Clock, 'monotonic' | 'after'>) {
    this.#atOnce = atOnce;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#known.length + this.#strangers.length;
  }

  async run<T>(caller: HashCaller, work: () => Promise<T>): Promise<Outcome<T>> {
    const most = isStranger(caller) ? MAX_OF_STRANGER : MAX_OF_KEY;
    if ((this.#ofKey.get(caller.key) ?? 0) >= most) return busy();
    this.#count(caller, 1);
    try {
      if (!(await this.#turn(caller))) return busy();
      const startedAt = this.#clock.monotonic();
      try {
        return accepted(await work());
      } finally {
        this.#running -= 1;
        if (isStranger(caller)) this.#strangersRunning -= 1;
        if (isGuesser(caller)) this.#pause(this.#clock.monotonic() - startedAt);
        this.#next();
      }
    } finally {
      this.#count(caller, -1);
    }
  }

  #pause(hashMs: number): void {
    const pauseMs = Math.min(hashMs * PAUSE_PER_HASH, MAX_PAUSE_MS);
    if (pauseMs === 0) return;
    this.#isPausing = true;
    this.#clock.after(pauseMs, () => {
      this.#isPausing = false;
      this.#next();
    });
  }

  /** Resolves to false if the queue is full. */
  #turn(caller: HashCaller): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = { caller, start: () => resolve(true), refuse: () => resolve(false) };
      if (isStranger(caller)) this.#addStranger(waiting);
      else if (this.#known.length < MAX_KNOWN) this.#known.push(waiting);
      else waiting.refuse();
      this.#next();
    });
  }

  #addStranger(waiting: Waiting): void {
    const at = this.#strangers.findIndex(({ caller }) => caller.rank > waiting.caller.rank);
    this.#strangers.splice(at < 0 ? this.#strangers.length : at, 0, waiting);
    if (this.#strangers.length > MAX_STRANGERS) this.#strangers.pop()?.refuse();
  }

  #next(): void {
    while (this.#running < this.#atOnce) {
      const next = this.#take();
      if (next === undefined) return;
      this.#wasKnown = !isStranger(next.caller);
      this.#running += 1;
      if (isStranger(next.caller)) this.#strangersRunning += 1;
      next.start();
    }
  }

  #take(): Waiting | undefined {
    const [first] = this.#strangers;
    const canAdmitStranger =
      first !== undefined && this.#strangersRunning < STRANGERS_AT_ONCE && !(this.#isPausing && isGuesser(first.caller));
    return canAdmitStranger && (this.#wasKnown || this.#known.length === 0) ? this.#strangers.shift() : this.#known.shift();
  }

  #count({ key }: HashCaller, by: 1 | -1): void {
    const now = (this.#ofKey.get(key) ?? 0) + by;
    if (now === 0) this.#ofKey.delete(key);
    else this.#ofKey.set(key, now);
  }
}

const busy = () => refused('RATE_LIMITED', `Too many logins at once. Retry in ${RETRY_S} s.`, { budget: 'logins', retry_after_s: RETRY_S });

import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Command, Decision } from '../domain/command.ts';
import type { NewEvent, StoredEvent } from '../domain/events.ts';
import { type Outcome, refused } from '../domain/outcome.ts';
import type { Mutation, SessionRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import type { Capacity } from './capacity.ts';

/** What the applier needs of the store: one durable transaction at a time. */
export interface TransactionalStore {
  readonly view: View;
  transaction<T>(work: () => T): T;
  savepoint<T>(work: () => T): T;
  apply(mutation: Mutation): void;
  record(event: NewEvent, number: number, at: number): StoredEvent;
  lastEventNumber(): number;
  lastTime(): number;
  keepLastTime(at: number): void;
}

/** What a batch has changed, told after its COMMIT and before its answers. */
export interface Committed {
  readonly mutations: readonly Mutation[];
  readonly events: readonly StoredEvent[];
}

interface Waiting {
  run(): () => void;
  fail(error: unknown): void;
}

const MOST_WAITING = 10_000;
const MOST_IN_A_BATCH = 500;
/** A commit costs a sync of the disk. What may wait waits this long for another's. */
const LAZY_MS = 20;

/**
 * The one place where the controller's state changes.
 *
 * 1. Commands are decided one after another, each on what the ones before it left.
 * 2. A batch is one durable transaction without an await, each command a savepoint: one that throws leaves nothing.
 * 3. Answers resolve after COMMIT, and after `onCommitted` has been told.
 * 4. A COMMIT that fails leaves memory and disk in doubt of each other: `onFatal` is called, and must end the process.
 * 5. Rows get times that never go back: max(now, last + 1 ms).
 */
export class Applier {
  readonly #store: TransactionalStore;
  readonly #capacity: Capacity;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onFatal: (error: unknown) => void;
  readonly #listeners: ((committed: Committed) => void)[] = [];
  #queue: Waiting[] = [];
  #scheduled: Timer | undefined;
  #isSoon = false;
  #lastTime: number;
  #lastNumber: number;
  #mutations: Mutation[] = [];
  #events: StoredEvent[] = [];
  #closed = false;

  constructor(options: {
    store: TransactionalStore;
    capacity: Capacity;
    clock: Clock;
    log: Log;
    onFatal: (error: unknown) => void;
  }) {
    this.#store = options.store;
    this.#capacity = options.capacity;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onFatal = options.onFatal;
    this.#lastTime = options.store.lastTime();
    this.#lastNumber = options.store.lastEventNumber();
  }

  onCommitted(listener: (committed: Committed) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves once the decision is durable. Rejects when deciding or keeping it threw; nothing of it is then kept. */
  apply<Answer>(command: Command<Answer>): Promise<Answer> {
    return this.#enqueue(command, () => this.#flushSoon());
  }

  /**
   * The same for what nobody waits for and what would be said again if it were lost: it is decided in its turn, but may wait a
   * little for the next commit, and share it.
   */
  applyLazily<Answer>(command: Command<Answer>): Promise<Answer> {
    return this.#enqueue(command, () => {
      this.#scheduled ??= this.#clock.after(LAZY_MS, () => this.#flush());
    });
  }

  #flushSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    this.#scheduled?.cancel();
    this.#scheduled = this.#clock.soon(() => this.#flush());
  }

  #enqueue<Answer>(command: Command<Answer>, schedule: () => void): Promise<Answer> {
    if (this.#closed) return Promise.reject(new Error('the applier is closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({
        run: () => {
          const answer = this.#decide(command);
          return () => resolve(answer);
        },
        fail: (error) => {
          this.#log.error('command.failed', { command: command.name, error: error instanceof Error ? error.message : String(error) });
          reject(error);
        },
      });
      schedule();
    });
  }

  /** The same for a client's command, which is refused while too many wait. */
  submit<Value>(command: Command<Outcome<Value>>): Promise<Outcome<Value>> {
    if (this.#queue.length >= MOST_WAITING) {
      return Promise.resolve(
        refused('RATE_LIMITED', 'The controller is behind with its work: try again in a moment.', { retry_after_s: 1 }),
      );
    }
    return this.apply(command);
  }

  /** Decides what waits, and takes no more. */
  close(): void {
    while (this.#queue.length > 0 && !this.#closed) this.#flush();
    this.#closed = true;
    this.#scheduled?.cancel();
  }

  #flush(): void {
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
    this.#isSoon = false;
    const batch = this.#queue.splice(0, MOST_IN_A_BATCH);
    if (this.#queue.length > 0) this.#flushSoon();
    if (batch.length === 0) return;
    const settle: (() => void)[] = [];
    this.#mutations = [];
    this.#events = [];
    this.#capacity.begin();
    try {
      this.#store.transaction(() => {
        for (const waiting of batch) settle.push(this.#runOne(waiting));
        this.#store.keepLastTime(this.#lastTime);
      });
    } catch (error) {
      this.#capacity.drop();
      this.#closed = true;
      this.#onFatal(error);
      return;
    }
    this.#capacity.keep();
    const committed = { mutations: this.#mutations, events: this.#events };
    for (const listener of this.#listeners) listener(committed);
    for (const resolve of settle) resolve();
  }

  #runOne(waiting: Waiting): () => void {
    const before = { number: this.#lastNumber, mutations: this.#mutations.length, events: this.#events.length };
    this.#capacity.begin();
    try {
      const resolve = this.#store.savepoint(() => waiting.run());
      this.#capacity.keep();
      return resolve;
    } catch (error) {
      this.#capacity.drop();
      this.#lastNumber = before.number;
      this.#mutations.length = before.mutations;
      this.#events.length = before.events;
      return () => waiting.fail(error);
    }
  }

  #decide<Answer>(command: Command<Answer>): Answer {
    this.#lastTime = Math.max(this.#clock.now(), this.#lastTime + 1);
    const now = this.#lastTime;
    const decision: Decision<Answer> = command.decide({ view: this.#store.view, fleet: this.#capacity, now });
    for (const mutation of decision.mutations) {
      this.#count(mutation);
      this.#store.apply(mutation);
      this.#mutations.push(mutation);
    }
    for (const event of decision.events) {
      this.#lastNumber += 1;
      this.#events.push(this.#store.record(event, this.#lastNumber, now));
    }
    return decision.answer;
  }

  #count(mutation: Mutation): void {
    if (mutation.kind === 'put' && mutation.table === 'sessions') {
      const before: SessionRow | undefined = this.#store.view.get('sessions', mutation.row.id);
      this.#capacity.change(before, mutation.row);
    }
  }
}

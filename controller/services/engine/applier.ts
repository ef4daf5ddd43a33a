import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { Command, Decision } from '../../domain/engine/command.ts';
import type { Fleet } from '../../domain/engine/fleet.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import { type Outcome, type Refused, refused } from '../../domain/engine/outcome.ts';
import type { StoredEvent } from '../../domain/events/events.ts';
import { makeRoom } from '../../domain/slots/make-room.ts';
import { type Attributed, AuditRecords } from '../audit/audit-record.ts';
import type { Capacity } from './capacity.ts';
import { BatchWatch } from './commands/batch-watch.ts';
import { CommandAdmission, type GrowthRefusal } from './commands/command-admission.ts';
import { CommandQueue, type Waiting } from './commands/command-queue.ts';
import type { Writer } from './store.ts';
import { ClusterTime } from './time/cluster-time.ts';
import { TimeKeeper } from './time/time-keeper.ts';
import { TransactionLost } from './transaction-lost.ts';

/** The changes of a batch, passed on once it is durable and before its answers. */
export interface Committed {
  readonly mutations: readonly Mutation[];
  readonly events: readonly StoredEvent[];
}

/** A committed batch that is not durable yet. */
interface Unsettled {
  readonly committed: Committed;
  readonly answers: readonly (() => void)[];
}

/** Assumed bytes of a command that does not state how much it writes. */
const USUAL_BYTES = 1024;
/** A batch accepts no more commands after this, so that other work of the process can run. */
const MAX_DECIDING_MS = 20;
/** A commit costs a disk sync, so lazy commands wait this long to share one. */
const LAZY_MS = 20;

/**
 * Applies all changes of the controller's state.
 * 1. Commands are decided one after another, each on the state the previous ones left.
 * 2. A batch is one durable transaction without an await, and each command a savepoint: one that
 *    throws leaves nothing. A batch is bounded in commands, bytes and time.
 * 3. Answers resolve once the batch is durable, and after `onCommitted`. The disk's sync does not
 *    occupy this thread; no batch begins, and nobody reads the batch, until it has ended.
 * 4. A lost transaction (COMMIT fails, or SQLite rolls back by itself) leaves nothing of its batch;
 *    a failed sync may leave it. None of its commands is answered; `onFatal` is called and must end the process.
 * 5. Row times increase; see {@link ClusterTime}.
 */
export class Applier {
  readonly #store: Writer;
  readonly #fleet: Fleet;
  readonly #capacity: Capacity;
  /** The time of rows, and their age. */
  readonly time: ClusterTime;
  readonly #keeper: TimeKeeper;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onFatal: (error: unknown) => void;
  readonly #listeners: ((committed: Committed) => void)[] = [];
  readonly #queue = new CommandQueue();
  readonly #watch: BatchWatch;
  readonly #admission: CommandAdmission;
  readonly #audit: AuditRecords;
  #scheduled: Timer | undefined;
  #isSoon = false;
  #lastNumber: number;
  #mutations: Mutation[] = [];
  #events: StoredEvent[] = [];
  #unsettled: Unsettled | undefined;
  #closed = false;

  constructor(options: {
    store: Writer;
    /** The cluster that commands are decided on. */
    fleet: Fleet;
    capacity: Capacity;
    clock: Clock;
    log: Log;
    metrics?: Metrics;
    growthRefusal?: GrowthRefusal | undefined;
    onFatal: (error: unknown) => void;
  }) {
    this.#store = options.store;
    this.#fleet = options.fleet;
    this.#capacity = options.capacity;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onFatal = options.onFatal;
    this.time = new ClusterTime(options.clock, options.store.keptTime(), options.store.lastTime(), options.log, options.metrics);
    this.#keeper = new TimeKeeper(this.time, options.clock, options.store);
    this.#lastNumber = options.store.lastEventNumber();
    this.#audit = new AuditRecords(options.store.view);
    const { clock, log, metrics = silentMetrics } = options;
    this.#watch = new BatchWatch({ clock, log, metrics });
    this.#admission = new CommandAdmission({ queue: this.#queue, metrics, growthRefusal: options.growthRefusal });
    metrics.gauge({ name: 'command_queue_commands', help: 'Commands waiting to be decided.', read: () => this.#queue.length });
    metrics.gauge({ name: 'command_queue_bytes', help: 'Estimated bytes that waiting commands write.', read: () => this.#queue.bytes });
  }

  onCommitted(listener: (committed: Committed) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Resolves once the decision is durable. Rejects if deciding or storing threw; then nothing of it
   * is stored.
   */
  apply<Answer>(command: Command<Answer>, by?: Attributed): Promise<Answer> {
    return this.#enqueue(command, by, () => this.#flushSoon());
  }

  /**
   * Like `apply`, for commands that nobody waits for and that would be repeated after a loss. It
   * can wait a little to share another commit.
   */
  applyLazily<Answer>(command: Command<Answer>): Promise<Answer> {
    return this.#enqueue(command, undefined, () => {
      this.#scheduled ??= this.#clock.after(LAZY_MS, () => this.#flush());
    });
  }

  #flushSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    this.#scheduled?.cancel();
    this.#scheduled = this.#clock.soon(() => this.#flush());
  }

  #enqueue<Answer>(command: Command<Answer>, by: Attributed | undefined, schedule: () => void): Promise<Answer> {
    if (this.#closed) return Promise.reject(new Error('the applier is closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({
        name: command.name,
        bytes: sizeOf(command),
        run: () => {
          const answer = this.#decide(command, by);
          return () => resolve(answer);
        },
        fail: (error) => {
          this.#watch.failed();
          this.#log.error('command.failed', { command: command.name, error: error instanceof Error ? error.message : String(error) });
          reject(error);
        },
      });
      schedule();
    });
  }

  /**
   * Like `apply`, without an answer: a failure is logged here, and a command after `close` is
   * dropped.
   */
  tell(command: Command<unknown>): void {
    this.apply(command).catch(() => undefined);
  }

  /**
   * Applies a client's command, audited in the same transaction. Refused while the queue is full,
   * or while the disk is low and the command grows the store, and after `close`. Answers STALE if the permissions of
   * `by` have changed before its turn.
   */
  submit<Value>(command: Command<Outcome<Value>>, by?: Attributed): Promise<Outcome<Value>> {
    const refusal = this.#closed ? STOPPING : this.#admission.refusalOf(command, sizeOf(command));
    return refusal === undefined ? this.apply(this.#admission.ifCurrent(command, by), by) : Promise.resolve(refusal);
  }

  /** Returns the refusal of commands that grow the store, or undefined while they are accepted. */
  refusesGrowth(): Refused | undefined {
    return this.#admission.refusesGrowth();
  }

  /** Decides the waiting commands and accepts no more. */
  close(): void {
    for (;;) {
      if (this.#unsettled !== undefined) this.#settleNow(this.#unsettled);
      if (this.#queue.length === 0 || this.#closed) break;
      this.#flush();
    }
    this.#closed = true;
    this.#scheduled?.cancel();
  }

  #flush(): void {
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
    this.#isSoon = false;
    if (this.#unsettled !== undefined) return;
    const batch = this.#queue.takeBatch();
    if (batch.length === 0) return;
    const answers: (() => void)[] = [];
    this.#mutations = [];
    this.#events = [];
    this.#capacity.begin();
    this.#watch.begin();
    try {
      this.#store.transaction(() => {
        for (const waiting of batch) {
          const before = this.#mutations.length;
          answers.push(this.#runOne(waiting));
          if (this.#watch.decided(waiting.name) >= MAX_DECIDING_MS) break;
          // The rights cache follows the commit, and later callers must be checked against it.
          if (this.#mutations.slice(before).some(changesRights)) break;
        }
        this.#keeper.keep();
      });
    } catch (error) {
      this.#capacity.drop();
      this.#lost(error);
      return;
    }
    this.#queue.putBack(batch.slice(answers.length));
    this.#capacity.keep();
    const batchDone = { committed: { mutations: this.#mutations, events: this.#events }, answers };
    this.#unsettled = batchDone;
    const once = (end: () => void) => this.#unsettled === batchDone && end();
    const synced = this.#store.sync();
    if (synced === undefined) this.#settle(batchDone);
    else
      synced.then(
        () => once(() => this.#settle(batchDone)),
        (error) => once(() => this.#lost(error)),
      );
  }

  #settleNow(batch: Unsettled): void {
    try {
      this.#store.syncNow();
      this.#settle(batch);
    } catch (error) {
      this.#lost(error);
    }
  }

  #settle({ committed, answers }: Unsettled): void {
    this.#unsettled = undefined;
    this.#watch.committed(answers.length);
    if (this.#queue.length > 0) this.#flushSoon();
    for (const listener of this.#listeners) listener(committed);
    for (const resolve of answers) resolve();
  }

  #lost(error: unknown): void {
    this.#unsettled = undefined;
    this.#closed = true;
    this.#onFatal(error);
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
      if (error instanceof TransactionLost) throw error;
      this.#lastNumber = before.number;
      this.#mutations.length = before.mutations;
      this.#events.length = before.events;
      return () => waiting.fail(error);
    }
  }

  #decide<Answer>(command: Command<Answer>, by: Attributed | undefined): Answer {
    const now = this.time.stamp();
    const decision: Decision<Answer> = command.decide({ view: this.#store.view, fleet: this.#fleet, now, ages: this.time });
    const record = by === undefined ? undefined : this.#audit.ofChange(command.name, decision, by, now);
    for (const mutation of decision.mutations) this.#change(mutation);
    for (const mutation of makeRoom(decision.mutations, this.#store.view, this.#fleet, now)) this.#change(mutation);
    if (record !== undefined) this.#change({ kind: 'audit', record });
    for (const event of decision.events) {
      this.#lastNumber += 1;
      this.#events.push(this.#store.record(event, this.#lastNumber, now));
    }
    return decision.result;
  }

  #change(mutation: Mutation): void {
    this.#capacity.count(mutation, this.#store.view);
    this.#store.apply(mutation);
    this.#mutations.push(mutation);
  }
}

const STOPPING = refused('UNAVAILABLE', 'The controller is stopping. Retry in a few seconds.', { retry_after_s: 5 });

const OF_RIGHTS: ReadonlySet<string> = new Set(['accounts', 'roles', 'bindings', 'apiKeys', 'revokedTokens']);

const changesRights = (mutation: Mutation): boolean =>
  (mutation.kind === 'put' || mutation.kind === 'remove') && OF_RIGHTS.has(mutation.table);

const sizeOf = ({ bytes = 0 }: Command<unknown>): number => USUAL_BYTES + bytes;

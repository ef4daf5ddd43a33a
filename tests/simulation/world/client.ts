import type { Outcome } from '../../../controller/domain/engine/outcome.ts';
import { LEGAL, type SessionRequest } from '../../../controller/domain/sessions/legal.ts';
import type { Caller } from '../../../controller/services/access/caller.ts';
import type { Services } from '../../../controller/services/services.ts';
import type { Book, SessionFact } from './book.ts';
import type { Cluster } from './cluster.ts';
import { COMMANDS, type Command, type CommandName } from './commands.ts';
import type { SeededRandom } from './random.ts';
import { isSpaceFull } from './spaces.ts';

export type Answered<T> = Outcome<T> | 'lost';
export type Work<T> = (services: Services, caller: Caller) => Promise<Outcome<T>> | Outcome<T>;

const REQUEST_LIMIT_MS = 10_000;
const TRIES = 6;
const STALE_TRIES = 3;
/** Refusals that any command can get, and that are unrelated to the session. */
const PASSING: ReadonlySet<string> = new Set(['UNAVAILABLE', 'RATE_LIMITED']);

const isStale = (outcome: Answered<unknown>): boolean => outcome !== 'lost' && !outcome.ok && outcome.refusal.stale === true;

/** A client with a random program, which calls the services like HTTP and checks every answer. */
export class Client {
  readonly cluster: Cluster;
  readonly book: Book;
  readonly random: SeededRandom;
  readonly name: string;
  readonly #as: Cluster['administrator'];
  #number = 0;
  #isNobody = false;

  /** `as`: its account at the moment of a call. Without one, the call is lost. */
  constructor(cluster: Cluster, book: Book, name: string, as = cluster.administrator) {
    this.#as = (services) => {
      const caller = as(services);
      this.#isNobody = caller === undefined;
      return caller;
    };
    this.cluster = cluster;
    this.book = book;
    this.name = name;
    this.random = cluster.random.fork(name);
  }

  /** `haste`: factor of the usual time between two commands. */
  async run(commands: number, weights: Readonly<Record<CommandName, number>>, haste: number): Promise<void> {
    for (let done = 0; done < commands; done += 1) {
      await this.cluster.time.sleep(this.random.mostlySmall(5, 3_000) * haste);
      const session = this.random.pick([...this.book.sessions.values()].filter(({ deletion }) => deletion !== 'done'));
      const name = session === undefined ? 'create' : this.random.weighted(weights);
      this.book.asked.set(name, (this.book.asked.get(name) ?? 0) + 1);
      const command: Command = COMMANDS[name];
      await command(this, session ?? { id: '', deletion: 'none', clearedUntil: -1, hasTimeouts: false, isForgotten: false });
    }
  }

  /** Returns a name that is unique in this run. */
  fresh(): string {
    this.#number += 1;
    return `${this.name}-${this.#number}`;
  }

  violation(what: string): void {
    this.cluster.violation(`${this.name}: ${what}`);
  }

  async ask<T>(what: string, work: Work<T>): Promise<Answered<T>> {
    const { restores } = this.cluster;
    let outcome = await this.cluster.request(this.random, REQUEST_LIMIT_MS, work, this.#as);
    // HTTP authorises again and repeats the command.
    for (let left = STALE_TRIES; left > 0 && isStale(outcome); left -= 1)
      outcome = await this.cluster.request(this.random, REQUEST_LIMIT_MS, work, this.#as);
    // The answer belongs to another epoch of the store.
    if (restores !== this.cluster.restores) outcome = 'lost';
    this.cluster.trace.note(this.name, `${what}: ${outcome === 'lost' ? 'lost' : outcome.ok ? 'ok' : outcome.refusal.code}`);
    return outcome;
  }

  /** Repeats a request until it has an answer. For idempotent requests. */
  async insist<T>(what: string, work: Work<T>): Promise<Answered<T>> {
    for (let left = TRIES; left > 1; left -= 1) {
      const outcome = await this.ask(what, work);
      if (outcome !== 'lost' || this.#isNobody) return outcome;
      await this.cluster.time.sleep(this.random.between(50, 5_000));
    }
    return this.ask(what, work);
  }

  /**
   * Makes a request about a session and checks its answer: some state that the session had
   * meanwhile must allow it.
   */
  async request<T>(session: SessionFact, request: SessionRequest, what: string, work: Work<T>): Promise<Answered<T>> {
    const { chronicle } = this.cluster;
    const wasGone = session.deletion === 'done';
    let from = 0;
    const outcome = await this.ask(`${what} ${session.id}`, (services, caller) => {
      from = chronicle.sessions.get(session.id)?.generation ?? 0;
      return work(services, caller);
    });
    if (outcome === 'lost') return outcome;
    if (!outcome.ok && (PASSING.has(outcome.refusal.code) || isSpaceFull(outcome.refusal))) return outcome;
    if (wasGone && (outcome.ok || outcome.refusal.code !== 'NOT_FOUND')) this.violation(`${what} of a deleted session was answered`);
    const to = chronicle.sessions.get(session.id)?.generation ?? 0;
    const { code } = outcome.ok ? { code: 'OK' } : outcome.refusal;
    const nodeId = chronicle.sessions.get(session.id)?.nodeId ?? '';
    // It can still exist on a lost node.
    if (request === 'recover' && code === 'CONFLICT' && chronicle.lostNodes.has(nodeId)) return outcome;
    const states = Array.from({ length: to - from + 1 }, (_, at) => chronicle.desiredAt(session.id, from + at));
    const allows = states.some((desired) => {
      if (desired === undefined || desired === 'deleted') return !outcome.ok && outcome.refusal.code === 'NOT_FOUND';
      const verdict = LEGAL[desired][request];
      return outcome.ok ? verdict !== 'conflict' : verdict === 'conflict' && outcome.refusal.code === 'CONFLICT';
    });
    if (!allows) this.violation(`${what} of ${session.id} was answered ${code}, it should have been ${states.join(', then ')}`);
    return outcome;
  }
}

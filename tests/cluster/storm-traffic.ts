import type { SeededRandom } from '../simulation/world/random.ts';
import type { Rest } from './rest.ts';
import { type Message, messageShape } from './shapes.ts';

/** A call that a stopped controller does not answer is given up then, and made again. */
const CALL_LIMIT_MS = 4_000;

/**
 * Clients that post to sessions, one to each and one message after another, as fast as they are let. Each message has a key, and is posted
 * again under it until the controller has said 201.
 */
export class Traffic {
  /** What was taken, by session, in the order in which it was posted. */
  readonly taken = new Map<string, Message[]>();
  /** How often a call failed, and was made again. */
  retries = 0;
  readonly #rest: Rest;
  readonly #random: SeededRandom;
  readonly #isUp: () => Promise<unknown>;
  readonly #clients = new Map<string, Promise<void>>();
  #left: number;

  /** In all `budget` messages. `isUp` resolves once there is a controller to try. */
  constructor(rest: Rest, sessions: readonly string[], random: SeededRandom, budget: number, isUp: () => Promise<unknown>) {
    this.#rest = rest;
    this.#random = random;
    this.#left = budget;
    this.#isUp = isUp;
    for (const session of sessions) this.taken.set(session, []);
  }

  /** Lets so many more messages be posted to this session; fewer when the budget is spent. */
  to(session: string, count: number): void {
    for (let number = 0; number < count && this.#left > 0; number += 1) {
      this.#left -= 1;
      const content = `message ${this.#left} to ${session}`;
      const key = this.#random.uuid();
      const before = this.#clients.get(session) ?? Promise.resolve();
      const posted = before.then(() => this.#post(session, content, key));
      posted.catch(() => undefined);
      this.#clients.set(session, posted);
    }
  }

  /** The same, to any sessions. */
  anywhere(count: number): void {
    const sessions = [...this.taken.keys()];
    for (let number = 0; number < count; number += 1) this.to(this.#random.pick(sessions) ?? '', 1);
  }

  /** Spends what is left of the budget, and resolves once all was taken. */
  async end(): Promise<void> {
    this.anywhere(this.#left);
    await this.allTaken();
  }

  /** Rejects when one was refused. */
  async allTaken(): Promise<void> {
    await Promise.all(this.#clients.values());
  }

  async #post(session: string, content: string, key: string): Promise<void> {
    for (;;) {
      await this.#isUp();
      const answer = await this.#rest
        .send('POST', `/sessions/${session}/messages`, JSON.stringify({ content }), 'application/json', {
          headers: { 'idempotency-key': key },
          limitMs: CALL_LIMIT_MS,
        })
        .catch(() => undefined);
      if (answer?.status === 201) {
        this.taken.get(session)?.push(messageShape.parse(answer.body));
        return;
      }
      if (answer !== undefined && answer.status !== 503) throw new Error(`"${content}": ${answer.status} ${JSON.stringify(answer.body)}`);
      this.retries += 1;
    }
  }
}

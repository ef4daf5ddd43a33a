import { setTimeout as elapsed } from 'node:timers/promises';
import type { SeededRandom } from '../simulation/world/random.ts';
import type { Rest } from './rest.ts';
import { type Message, messageShape } from './shapes.ts';

/** Time limit of a call, after which it is retried: a stopped controller never answers. */
const CALL_LIMIT_MS = 4_000;

/**
 * Clients that post messages, one client per session and one message after another, as fast as
 * allowed. Each message has a key and is repeated under it until the controller returns 201, after a
 * pause if it asks for one.
 */
export class Traffic {
  /** Accepted messages by session, in the order of posting. */
  readonly taken = new Map<string, Message[]>();
  /** Number of retried calls. */
  retries = 0;
  readonly #rest: Rest;
  readonly #random: SeededRandom;
  readonly #isUp: () => Promise<unknown>;
  readonly #clients = new Map<string, Promise<void>>();
  #left: number;

  /** `budget`: total number of messages. `isUp` resolves once there is a controller to try. */
  constructor(rest: Rest, sessions: readonly string[], random: SeededRandom, budget: number, isUp: () => Promise<unknown>) {
    this.#rest = rest;
    this.#random = random;
    this.#left = budget;
    this.#isUp = isUp;
    for (const session of sessions) this.taken.set(session, []);
  }

  /** Allows more messages to this session; fewer if the budget is used up. */
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

  /** The same for any sessions. */
  anywhere(count: number): void {
    const sessions = [...this.taken.keys()];
    for (let number = 0; number < count; number += 1) this.to(this.#random.pick(sessions) ?? '', 1);
  }

  /** Uses up the budget. Resolves once all messages were accepted. */
  async end(): Promise<void> {
    this.anywhere(this.#left);
    await this.allTaken();
  }

  /** Rejects if one was refused. */
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
      if (answer?.status === 429) await elapsed(1000 * Number(answer.headers.get('retry-after') ?? 1));
      else if (answer !== undefined && answer.status !== 503)
        throw new Error(`"${content}": ${answer.status} ${JSON.stringify(answer.body)}`);
      this.retries += 1;
    }
  }
}

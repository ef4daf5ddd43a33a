import { connect, type NatsConnection } from 'nats';
import { z } from 'zod';
import { within } from './deadline.ts';
import type { Rest } from './rest.ts';
import { type Message, messageShape } from './shapes.ts';

const newsShape = z.looseObject({ type: z.string(), session_id: z.string().nullish(), data: z.looseObject({ message: z.unknown() }) });

/**
 * A third-party subscriber: it receives a session's messages from NATS and notices gaps in their
 * numbers. It reads missing ones over REST, so it has the whole list whatever NATS does.
 */
export class NatsSubscriber {
  /** By seq. */
  readonly messages = new Map<number, Message>();
  /** Number received over NATS, before any gap was filled. */
  fromNats = 0;
  /** Number read over REST. */
  fromRest = 0;
  readonly #connection: NatsConnection;
  readonly #rest: Rest;
  readonly #session: string;
  readonly #looks = new Set<() => void>();
  #filling: Promise<void> = Promise.resolve();

  static async open(url: string, rest: Rest, session: string): Promise<NatsSubscriber> {
    const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    const subscriber = new NatsSubscriber(connection, rest, session);
    await connection.flush();
    return subscriber;
  }

  private constructor(connection: NatsConnection, rest: Rest, session: string) {
    this.#connection = connection;
    this.#rest = rest;
    this.#session = session;
    connection.subscribe(`raworc.events.*.${session}.message.created`, { callback: (_, news) => this.#take(news.data) });
    this.#followConnection();
  }

  /** Returns all in order, from the first to number `last`, without a gap. */
  async untilComplete(last: number, limitMs = 30_000): Promise<Message[]> {
    const complete = new Promise<void>((resolve) => {
      const look = () => {
        if (this.#contiguous() < last) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
    await within(`the NATS subscriber to have all ${last} messages`, limitMs, complete);
    return [...this.messages.values()].sort((a, b) => a.seq - b.seq);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #take(payload: Uint8Array): void {
    const news = newsShape.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
    const message = messageShape.parse(news.data.message);
    this.fromNats += 1;
    this.#keep(message);
    if (this.#contiguous() < message.seq) this.#fill();
  }

  /** After a reconnection it asks, since no gap shows that the last messages were missed. */
  async #followConnection(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'reconnect') this.#fill();
    }
  }

  #fill(): void {
    this.#filling = this.#filling.then(async () => {
      for (const message of await this.#rest.messages(this.#session, this.#contiguous())) {
        if (!this.messages.has(message.seq)) this.fromRest += 1;
        this.#keep(message);
      }
    });
  }

  #keep(message: Message): void {
    this.messages.set(message.seq, message);
    for (const look of [...this.#looks]) look();
  }

  /** The largest number without a gap before it. */
  #contiguous(): number {
    let last = 0;
    while (this.messages.has(last + 1)) last += 1;
    return last;
  }
}

import { randomUUID } from 'node:crypto';
import { delta, type Message, message, messageEvent, messages } from './api.ts';
import type { Client } from './client.ts';
import { type EventFeed, openEvents } from './event-stream.ts';
import { Trouble } from './io.ts';
import { patiently } from './patience.ts';

/** What comes of a message: pieces of the answer as far as they come in order, then the answer. */
export type Said = { readonly kind: 'piece'; readonly text: string } | { readonly kind: 'answer'; readonly message: Message };

/** One session's events, followed for as long as the talk goes on. */
export class Conversation {
  readonly #client: Client;
  readonly #path: string;
  readonly #events: EventFeed;

  readonly #agent: string | undefined;

  private constructor(client: Client, path: string, events: EventFeed, agent: string | undefined) {
    this.#agent = agent;
    this.#client = client;
    this.#path = path;
    this.#events = events;
  }

  /** `agent`: who is to answer, where there are several. */
  static async open(client: Client, sessionId: string, agent?: string): Promise<Conversation> {
    const path = `/sessions/${sessionId}`;
    return new Conversation(client, path, await openEvents(client, `${path}/events`), agent);
  }

  /**
   * Posts a message and gives what is said to it; the last thing is its answer. A server that is away for a while, as over a restart,
   * is waited for; the message is there once, however often it had to be sent.
   */
  async *say(content: string): AsyncGenerator<Said, void> {
    const headers = { 'idempotency-key': randomUUID() };
    const body = this.#agent === undefined ? { content } : { content, metadata: { agent: this.#agent } };
    const request = { method: 'POST', body, headers };
    const posted = await patiently(this.#client.signal, () => this.#client.call(message, `${this.#path}/messages`, request));
    let run: string | undefined;
    let pieces = 0;
    for (;;) {
      const heard = await this.#events.next();
      if (heard.kind === 'again') {
        const answer = await this.#answerTo(posted);
        if (answer === undefined) continue;
        yield { kind: 'answer', message: answer };
        return;
      }
      if (heard.type === 'session.deleted') throw new Trouble('The session was deleted');
      if (heard.type === 'delta') {
        const piece = delta.safeParse(heard.data).data;
        if (piece?.message_id !== posted.id) continue;
        run ??= piece.run_id;
        // A piece that is missing is in the answer; printing on would garble it.
        if (piece.run_id !== run || piece.number !== pieces + 1) continue;
        pieces += 1;
        yield { kind: 'piece', text: piece.text };
      } else if (heard.type === 'message.created') {
        const said = messageEvent.safeParse(heard.data).data?.message;
        if (said === undefined || !answers(said, posted)) continue;
        yield { kind: 'answer', message: said };
        return;
      }
    }
  }

  close(): Promise<void> {
    return this.#events.close();
  }

  async #answerTo(posted: Message): Promise<Message | undefined> {
    const path = `${this.#path}/messages?role=agent&since=${posted.seq}&limit=1000`;
    const later = await patiently(this.#client.signal, () => this.#client.call(messages, path));
    return later.find((said) => answers(said, posted));
  }
}

const answers = (said: Message, posted: Message): boolean => said.role === 'agent' && said.metadata.in_reply_to === posted.id;

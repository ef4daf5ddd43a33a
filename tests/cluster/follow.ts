import type { Rest } from './rest.ts';
import { messageShape, type Session, sessionShape } from './shapes.ts';
import type { EventStream, ServerEvent } from './sse.ts';

/**
 * Follows one session by its events. Each wait continues where the last one ended, so that none is
 * missed.
 */
export class Follower {
  readonly #news: EventStream;
  #seen = 0;

  constructor(news: EventStream) {
    this.#news = news;
  }

  static async of(rest: Rest, session: string): Promise<Follower> {
    return new Follower(await rest.watch(`/sessions/${session}/events`));
  }

  /** Follows everything. */
  static async ofAll(rest: Rest): Promise<Follower> {
    return new Follower(await rest.watch('/events'));
  }

  /** Resolves to the next matching event. */
  async next(what: string, matches: (event: ServerEvent) => boolean, limitMs = 30_000): Promise<ServerEvent> {
    for (;;) {
      const at = this.#seen;
      const event = this.#news.events[at];
      if (event === undefined) {
        await this.#news.until(what, () => this.#news.events.length > at, limitMs);
        continue;
      }
      this.#seen += 1;
      if (matches(event)) return event;
    }
  }

  /** Resolves to the session in its next event of that type. */
  async session(what: string, is: (session: Session) => boolean, limitMs = 30_000): Promise<Session> {
    const sessionOf = (event: ServerEvent) =>
      event.type === 'session.state' ? sessionShape.safeParse(event.data.session).data : undefined;
    const event = await this.next(
      what,
      (candidate) => {
        const session = sessionOf(candidate);
        return session !== undefined && is(session);
      },
      limitMs,
    );
    return sessionShape.parse(event.data.session);
  }

  settled(state: Session['state'], limitMs = 30_000): Promise<Session> {
    return this.session(`${state} and settled`, (session) => session.state === state && session.settled, limitMs);
  }

  /** Resolves once the agent has sent its first piece for this message. */
  async began(message: string): Promise<void> {
    await this.next('the agent to begin', ({ type, data }) => type === 'delta' && data.message_id === message);
  }

  /** Resolves to the answer to this message. */
  async answer(message: string) {
    const event = await this.next('the answer', ({ type, data }) => {
      const made = messageShape.safeParse(data.message);
      return type === 'message.created' && made.success && made.data.metadata.in_reply_to === message;
    });
    return messageShape.parse(event.data.message);
  }

  close(): void {
    this.#news.close();
  }
}

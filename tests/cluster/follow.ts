import type { Rest } from './rest.ts';
import { messageShape, type Session, sessionShape } from './shapes.ts';
import type { EventStream, ServerEvent } from './sse.ts';

/** What becomes of one session, by its events: each wait goes on where the last one ended, so that what happens between is not missed. */
export class Follower {
  readonly #news: EventStream;
  #seen = 0;

  constructor(news: EventStream) {
    this.#news = news;
  }

  static async of(rest: Rest, session: string): Promise<Follower> {
    return new Follower(await rest.watch(`/sessions/${session}/events`));
  }

  /** What becomes of everything. */
  static async ofAll(rest: Rest): Promise<Follower> {
    return new Follower(await rest.watch('/events'));
  }

  /** The next event that matches. */
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

  /** The session as its next event of that kind shows it. */
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

  /** The agent has begun with this message, and said its first piece. */
  async began(message: string): Promise<void> {
    await this.next('the agent to begin', ({ type, data }) => type === 'delta' && data.message_id === message);
  }

  /** The answer to this message. */
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

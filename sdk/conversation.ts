import { NothingToCome } from './errors.ts';
import { deltaIn, type EventFeed, messageIn } from './event-feed.ts';
import type { Operations } from './generated/operations.gen.ts';
import type { Message } from './generated/types.gen.ts';

/** What comes of a message: pieces of the answer as far as they come in order, then the answer, which replaces them. */
export type Said = { readonly kind: 'piece'; readonly text: string } | { readonly kind: 'answer'; readonly message: Message };

export interface SayOptions {
  /** Who is to answer, where there are several. */
  readonly agent?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One session's messages and events, over one stream for as long as the talk goes on. One message at a time. */
export class Conversation {
  readonly #messages: Operations['messages'];
  readonly #sessionId: string;
  readonly #feed: EventFeed;

  constructor(messages: Operations['messages'], sessionId: string, feed: EventFeed) {
    this.#messages = messages;
    this.#sessionId = sessionId;
    this.#feed = feed;
  }

  /**
   * Posts a message and gives what is said to it; the last thing is its answer (a failure too: metadata.type is then error_response), as it
   * is in the store. A server that is away for a while, as over a restart, is waited for; the message is there once, however often it
   * had to be sent. Throws NothingToCome where the session is deleted, or the message is cleared or lost by a restore, before there is an answer.
   */
  async *say(content: string, { agent, metadata, signal }: SayOptions = {}): AsyncGenerator<Said, void> {
    const about = agent === undefined ? metadata : { ...metadata, agent };
    const posted = await this.#messages.create(
      this.#sessionId,
      about === undefined ? { content } : { content, metadata: about },
      signal === undefined ? {} : { signal },
    );
    let run: string | undefined;
    let pieces = 0;
    for (;;) {
      const heard = await this.#feed.next();
      if (heard === undefined || (heard.kind === 'event' && heard.type === 'session.deleted')) {
        throw new NothingToCome('The session was deleted');
      }
      if (heard.kind !== 'event') {
        const answer = await this.#answerTo(posted, heard.kind === 'reset');
        if (answer === undefined) continue;
        yield { kind: 'answer', message: answer };
        return;
      }
      const clearedUpTo = heard.type === 'messages.cleared' ? heard.data.up_to_seq : undefined;
      if (typeof clearedUpTo === 'number' && clearedUpTo >= posted.seq) throw cleared();
      const piece = deltaIn(heard);
      if (piece?.message_id === posted.id) {
        run ??= piece.run_id;
        // A piece that is missing is in the answer; going on would garble it.
        if (piece.run_id !== run || piece.number !== pieces + 1) continue;
        pieces += 1;
        yield { kind: 'piece', text: piece.text };
      }
      const said = heard.type === 'message.created' ? messageIn(heard) : undefined;
      if (said === undefined || !answers(said, posted)) continue;
      yield { kind: 'answer', message: said };
      return;
    }
  }

  close(): Promise<void> {
    return this.#feed.close();
  }

  async #answerTo(posted: Message, wasReset: boolean): Promise<Message | undefined> {
    for await (const later of this.#messages.all(this.#sessionId, { role: 'agent', since: String(posted.seq) })) {
      if (answers(later, posted)) return later;
    }
    if (wasReset) await this.#stillThere(posted);
    return undefined;
  }

  async #stillThere(posted: Message): Promise<void> {
    const [first] = await this.#messages.list(this.#sessionId, { since: String(posted.seq - 1), limit: 1 });
    if (first?.id !== posted.id) throw gone();
  }
}

const answers = (said: Message, posted: Message): boolean => said.role === 'agent' && said.metadata.in_reply_to === posted.id;
const cleared = (): NothingToCome => new NothingToCome('The message was cleared before there was an answer');
/** The stream began anew, so nobody was told why. */
const gone = (): NothingToCome =>
  new NothingToCome('The message is not there any more: it was cleared, or the server was restored from a backup of before it');

import { NothingToCome } from './errors.ts';
import { deltaIn, type EventFeed, messageIn } from './event-feed.ts';
import type { Operations } from './generated/operations.gen.ts';
import type { Message } from './generated/types.gen.ts';

/**
 * A piece of the answer, as long as they arrive in order, or at last the answer, which replaces
 * them.
 */
export type AnswerPart = { readonly kind: 'piece'; readonly text: string } | { readonly kind: 'answer'; readonly message: Message };

export interface SayOptions {
  /** The agent that answers, if there are several. */
  readonly agent?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once the message exists, for example to cancel it later. */
  readonly posted?: ((message: Message) => void) | undefined;
}

/** A conversation with one session over one stream, one message at a time. */
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
   * Posts a message and yields pieces of its answer, then the stored answer (for a failure,
   * metadata.type is error_response). It outlasts a restart of the server, and the message exists
   * once, however often it was sent. Throws NothingToCome if the session is deleted, or the message
   * is cleared or lost in a restore, before there is an answer.
   */
  async *say(content: string, { agent, metadata, signal, posted: onPosted }: SayOptions = {}): AsyncGenerator<AnswerPart, void> {
    const about = agent === undefined ? metadata : { ...metadata, agent };
    const posted = await this.#messages.create(
      this.#sessionId,
      about === undefined ? { content } : { content, metadata: about },
      signal === undefined ? {} : { signal },
    );
    onPosted?.(posted);
    let run: string | undefined;
    let pieces = 0;
    for (;;) {
      const item = await this.#feed.next();
      if (item === undefined || (item.kind === 'event' && item.type === 'session.deleted')) {
        throw new NothingToCome('The session was deleted');
      }
      if (item.kind !== 'event') {
        const answer = await this.#answerTo(posted, item.kind === 'reset');
        if (answer === undefined) continue;
        yield { kind: 'answer', message: answer };
        return;
      }
      const clearedUpTo = item.type === 'messages.cleared' ? item.data.up_to_seq : undefined;
      if (typeof clearedUpTo === 'number' && clearedUpTo >= posted.seq) throw cleared();
      const piece = deltaIn(item);
      if (piece?.message_id === posted.id) {
        run ??= piece.run_id;
        // The answer has the missing piece; showing later ones would garble the text.
        if (piece.run_id !== run || piece.number !== pieces + 1) continue;
        pieces += 1;
        yield { kind: 'piece', text: piece.text };
      }
      const message = item.type === 'message.created' ? messageIn(item) : undefined;
      if (message === undefined || !answers(message, posted)) continue;
      yield { kind: 'answer', message };
      return;
    }
  }

  /**
   * Cancels a message. Its run is interrupted after `graceS` (default 0); `say` then yields an answer
   * with the reason `cancelled`, unless the agent answers first.
   */
  async cancel(message: Message, graceS?: number): Promise<void> {
    await this.#messages.cancel(this.#sessionId, message.id, graceS === undefined ? {} : { grace_s: graceS });
  }

  close(): Promise<void> {
    return this.#feed.close();
  }

  async #answerTo(posted: Message, wasReset: boolean): Promise<Message | undefined> {
    for await (const later of this.#messages.all(this.#sessionId, { role: 'agent', since: String(posted.seq) })) {
      if (answers(later, posted)) return later;
    }
    if (wasReset) await this.#refreshed(posted);
    return undefined;
  }

  async #refreshed(posted: Message): Promise<void> {
    const [first] = await this.#messages.list(this.#sessionId, { since: String(posted.seq - 1), limit: 1 });
    if (first?.id !== posted.id) throw gone();
  }
}

const answers = (message: Message, posted: Message): boolean => message.role === 'agent' && message.metadata.in_reply_to === posted.id;
const cleared = (): NothingToCome => new NothingToCome('The message was cleared before it was answered');
/** The stream was reset, so the reason is unknown. */
const gone = (): NothingToCome =>
  new NothingToCome('The message no longer exists: it was cleared, or the server was restored from an older backup');

import type { Conversation, Message } from '../../sdk/raworc.ts';
import { type Io, painted } from '../io.ts';
import { onOneLine } from '../terminal.ts';

/** Ctrl-C during a chat: the first cancels the message that waits for its answer, the next leaves. */
export class Interruption {
  readonly #io: Io;
  readonly #talk: Pick<Conversation, 'cancel'>;
  #state: 'none' | 'waits' | 'cancelled' = 'none';
  #message: Message | undefined;

  constructor(io: Io, talk: Pick<Conversation, 'cancel'>) {
    this.#io = io;
    this.#talk = talk;
  }

  /** A message is being posted. Call the result once it exists. */
  begin(): (message: Message) => void {
    this.#state = 'waits';
    this.#message = undefined;
    return (message) => {
      this.#message = message;
      if (this.#state === 'cancelled') this.#cancel(message);
    };
  }

  /** The message was answered, or nothing will answer it. */
  end(): void {
    this.#state = 'none';
  }

  /** Cancels the message. Returns false if there is none, or it was cancelled before. */
  interrupt(): boolean {
    if (this.#state !== 'waits') return false;
    this.#state = 'cancelled';
    this.#io.stderr.write('\n', painted(this.#io, this.#io.stderr, 'dim', 'Cancelling the message; Ctrl-C again leaves it'), '\n');
    if (this.#message !== undefined) this.#cancel(this.#message);
    return true;
  }

  #cancel(message: Message): void {
    this.#talk.cancel(message).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#io.stderr.write(painted(this.#io, this.#io.stderr, 'red', '✗'), ` Cannot cancel the message: ${onOneLine(why)}\n`);
    });
  }
}

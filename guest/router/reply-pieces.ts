import { REASONS } from '../runs/reasons.ts';
import { MAX_REPLY_BYTES } from '../runs/worker-host.ts';
import { ModelError } from './model-error.ts';

/**
 * Some models write a sentence before they hand a message over. It is not part of the answer. So
 * this many characters are kept back until there are more, or until the reply is known to be the
 * answer.
 */
export const HELD_CHARACTERS = 200;

/** The pieces of a model's answer that go out while it speaks. */
export class ReplyPieces {
  readonly #send: (text: string) => void;
  readonly #holds: boolean;
  #held: string | undefined;
  #sent = false;
  #muted = false;
  #characters = 0;

  /** `canHandOver`: whether the model has agents to choose. Without any, nothing is held. */
  constructor(send: (text: string) => void, canHandOver: boolean) {
    this.#send = send;
    this.#holds = canHandOver;
  }

  /** A call begins. If pieces of an earlier one went out, its own would not fit to them. */
  begin(): void {
    this.#muted = this.#sent;
    this.#characters = 0;
    this.#held = this.#holds ? '' : undefined;
  }

  /** Throws {@link ModelError} once the answer is too long. */
  add(text: string): void {
    this.#characters += text.length;
    if (this.#characters > MAX_REPLY_BYTES) throw new ModelError('reply_too_large', REASONS.reply_too_large);
    if (this.#held === undefined) return this.#pass(text);
    this.#held += text;
    if (this.#held.length > HELD_CHARACTERS) this.release();
  }

  /** The reply is the answer: sends the text that was kept back. */
  release(): void {
    const held = this.#held ?? '';
    this.#held = undefined;
    if (held !== '') this.#pass(held);
  }

  #pass(text: string): void {
    if (this.#muted) return;
    this.#sent = true;
    this.#send(text);
  }
}

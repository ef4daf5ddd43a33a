/** The asks of a Node.js worker that have no answer yet. */
import { AskError } from './raworc.mjs';
import { textOf } from './replies.mjs';

export class Asks {
  #send;
  #waiting = new Map();
  #count = 0;
  #run;

  constructor(send) {
    this.#send = send;
  }

  /** Gives the context of a run its `ask`, which no copy and no JSON of it has. */
  begin(run, context) {
    this.#run = run;
    if (typeof context !== 'object' || context === null) return;
    const ask = (agent, content, options) => {
      const answer = this.#ask(run, agent, content, options);
      // The handler can end without looking at it.
      answer.catch(() => undefined);
      return answer;
    };
    Object.defineProperty(context, 'ask', { value: ask, enumerable: false });
  }

  receive({ ask, content, reason, message }) {
    const answer = this.#waiting.get(ask);
    this.#waiting.delete(ask);
    if (typeof content === 'string') answer?.resolve(content);
    else answer?.reject(new AskError(reason ?? 'agent_failed', message));
  }

  /** The run has ended: nobody gets an answer any more. */
  end() {
    this.#run = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new AskError('asker_ended', 'The message has its answer already.'));
  }

  async #ask(run, agent, content, { signal } = {}) {
    if (typeof agent !== 'string') throw new TypeError('the name of an agent is a string');
    signal?.throwIfAborted();
    if (run !== this.#run) throw new AskError('asker_ended', 'The message has its answer already: ask before the handler returns.');
    this.#count += 1;
    const ask = this.#count;
    const answer = Promise.withResolvers();
    answer.promise.catch(() => undefined);
    this.#waiting.set(ask, answer);
    const drop = () => {
      if (!this.#waiting.delete(ask)) return;
      answer.reject(signal.reason);
      this.#send({ type: 'drop', run, ask });
    };
    signal?.addEventListener('abort', drop);
    try {
      await this.#send({ type: 'ask', run, ask, agent, content: textOf(content) });
      return await answer.promise;
    } finally {
      signal?.removeEventListener('abort', drop);
    }
  }
}

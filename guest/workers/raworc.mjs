/** What agents import: `import { AskError, handoff } from 'raworc'`. */

/** The agent that was asked has not answered. `reason` is a word, like that of an error_response. */
export class AskError extends Error {
  name = 'AskError';

  constructor(reason, message = reason) {
    super(message || reason);
    this.reason = reason;
  }
}

/** Returns what a handler returns to hand its message over. Without content, the message goes on unchanged. */
export const handoff = (agent, content) => (content === undefined ? { handoff: agent } : { handoff: agent, content });

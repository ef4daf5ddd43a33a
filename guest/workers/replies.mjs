/** Turns what a handler returns into the end of a run. */

const MAX_REPLY_BYTES = 1024 * 1024;
export const tooLarge = new Error('the reply is too large');

export function textOf(value) {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString();
  return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part)) ?? '';
}

/** Returns the frame that ends the run: a reply, or a hand-over to another agent. */
export function endOf(value) {
  if (isHandoff(value)) {
    const { handoff: agent, content } = value;
    return { type: 'handoff', agent, ...(content === undefined || content === null ? {} : { content: textOf(content) }) };
  }
  const content = textOf(value);
  if (Buffer.byteLength(content) > MAX_REPLY_BYTES) throw tooLarge;
  return { type: 'reply', content };
}

/** Text never is one, whatever a user wrote. */
function isHandoff(value) {
  if (typeof value !== 'object' || value === null || typeof value.handoff !== 'string') return false;
  return Object.keys(value).every((key) => key === 'handoff' || key === 'content');
}

/**
 * Returns a generator's return value, or else all its pieces joined. If the run ends early, it calls
 * the generator's `return`, as `for await` does, so that its `finally` blocks run.
 */
export async function stream(generator, send, interruption) {
  const pieces = [];
  let bytes = 0;
  let isOver = false;
  const next = async () => {
    try {
      const step = await generator.next();
      isOver = step.done;
      return step;
    } catch (error) {
      isOver = true;
      throw error;
    }
  };
  try {
    for (;;) {
      const { done, value } = await Promise.race([next(), interruption]);
      if (done) return value === undefined || value === null ? pieces.join('') : value;
      const piece = textOf(value);
      bytes += Buffer.byteLength(piece);
      if (bytes > MAX_REPLY_BYTES) throw tooLarge;
      pieces.push(piece);
      if (piece !== '') await send({ type: 'delta', text: piece });
    }
  } finally {
    if (!isOver) await generator.return?.();
  }
}

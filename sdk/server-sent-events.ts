import type { Environment } from './environment.ts';
import { Unreachable } from './errors.ts';

export interface Frame {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** The server says something every 15 s, if only that it is there. */
const SILENT_MS = 50_000;

/**
 * The events of a response as they come, of what text/event-stream allows. Ends with the stream; throws Unreachable where it breaks off or
 * falls silent. Leaving the loop early closes the stream. `onRetry` gets the delay that the server wishes before a reconnect.
 */
export async function* frames(
  response: Response,
  { after }: Pick<Environment, 'after'>,
  signal: AbortSignal,
  onRetry: (ms: number) => void,
): AsyncGenerator<Frame, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  const lines = new Lines();
  let block: string[] = [];
  try {
    for (;;) {
      const { done, value } = await heard(reader, after, signal);
      if (done) return;
      for (const line of lines.in(decoder.decode(value, { stream: true }))) {
        if (line !== '') {
          block.push(line);
          continue;
        }
        const { frame, retryMs } = parsed(block);
        block = [];
        if (retryMs !== undefined) onRetry(retryMs);
        if (frame !== undefined) yield frame;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function heard(reader: ReadableStreamDefaultReader<Uint8Array>, after: Environment['after'], signal: AbortSignal) {
  let isSilent = false;
  const cancel = after(SILENT_MS, () => {
    isSilent = true;
    reader.cancel().catch(() => undefined);
  });
  // By the signal itself, since the request's own is composed of it and may be collected while the stream goes on.
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    const piece = await reader.read();
    if (signal.aborted) throw signal.reason;
    if (isSilent) throw new Unreachable('The stream of events fell silent');
    return piece;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof Unreachable ? error : new Unreachable('The stream of events broke off', error);
  } finally {
    cancel();
    signal.removeEventListener('abort', stop);
  }
}

/** Cuts pieces of text into lines. Each character is looked at once, however many pieces an event comes in. */
class Lines {
  /** Of the line that has not ended. */
  #begun: string[] = [];
  #endedInCr = false;

  in(piece: string): readonly string[] {
    if (piece === '') return [];
    // A line's end may be split between two pieces.
    const text = this.#endedInCr && piece.startsWith('\n') ? piece.slice(1) : piece;
    this.#endedInCr = piece.endsWith('\r');
    const [first = '', ...others] = text.split(/\r\n|\r|\n/);
    this.#begun.push(first);
    if (others.length === 0) return [];
    const lines = [this.#begun.join(''), ...others];
    this.#begun = [lines.pop() ?? ''];
    return lines;
  }
}

function parsed(block: readonly string[]): { readonly frame: Frame | undefined; readonly retryMs: number | undefined } {
  let id: string | undefined;
  let event = 'message';
  let retryMs: number | undefined;
  const data: string[] = [];
  for (const line of block) {
    const [, field = '', value = ''] = /^([^:]+):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'retry' && /^\d{1,7}$/.test(value)) retryMs = Number(value);
  }
  return { frame: data.length === 0 ? undefined : { id, event, data: data.join('\n') }, retryMs };
}

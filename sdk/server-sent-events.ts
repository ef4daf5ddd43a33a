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
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await heard(reader, after, signal);
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      // The second half of a line's end that is split between two pieces waits for its first.
      const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest;
      const blocks = whole.replace(/\r\n?/g, '\n').split('\n\n');
      rest = (blocks.pop() ?? '') + rest.slice(whole.length);
      for (const block of blocks) {
        const { frame, retryMs } = parsed(block);
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

function parsed(block: string): { readonly frame: Frame | undefined; readonly retryMs: number | undefined } {
  let id: string | undefined;
  let event = 'message';
  let retryMs: number | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field = '', value = ''] = /^([^:]+):? ?(.*)$/.exec(line) ?? [];
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'retry' && /^\d{1,7}$/.test(value)) retryMs = Number(value);
  }
  return { frame: data.length === 0 ? undefined : { id, event, data: data.join('\n') }, retryMs };
}

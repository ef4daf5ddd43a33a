import { createParser } from 'eventsource-parser';
import { connectionError, statusError, streamError } from './call-errors.ts';
import { parsed } from './json.ts';
import type { ModelApi, ModelReply, ModelSettings, Prompt } from './model-api.ts';
import { ModelError, StreamFailure } from './model-error.ts';

/** Bounds of what a model server sends for one call, before and after decoding. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_EVENT_CHARACTERS = 1024 * 1024;

export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  readonly signal: AbortSignal;
  /** Gets the text of the reply as it comes. */
  readonly onText: (text: string) => void;
}

/**
 * Calls the model once and resolves to its reply, streamed or not. Throws {@link ModelError}.
 * Redirects are not followed: the key would travel with them.
 */
export async function callModel(
  api: ModelApi,
  settings: ModelSettings,
  prompt: Prompt,
  { signal, onText }: CallOptions,
): Promise<ModelReply> {
  const { url, headers, body } = api.request(settings, prompt);
  const fail = (cause: unknown): never => {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof StreamFailure) throw streamError(cause.message, cause.canRetry, settings);
    throw cause instanceof ModelError ? cause : connectionError(settings, cause);
  };
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream, application/json', ...headers },
    body: JSON.stringify(body),
    redirect: 'manual',
    signal,
  }).catch(fail);
  try {
    if (!response.ok) throw await statusError(settings, response, textOf(response));
    const isStream = response.headers.get('content-type')?.includes('text/event-stream') === true;
    return isStream ? await streamed(api, response, onText) : await whole(api, response, onText);
  } catch (cause) {
    return fail(cause);
  } finally {
    // Also ends a stream that the server does not end.
    await response.body?.cancel().catch(() => undefined);
  }
}

async function whole(api: ModelApi, response: Response, onText: (text: string) => void): Promise<ModelReply> {
  const reply = api.whole(parsed(await textOf(response)));
  if (reply === undefined)
    throw new ModelError('model_failed', 'The model server answered with something that is no reply. Check base_url and api.');
  if (reply.text !== '') onText(reply.text);
  return reply;
}

async function streamed(api: ModelApi, response: Response, onText: (text: string) => void): Promise<ModelReply> {
  const reader = api.stream();
  let isOver = false;
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARACTERS,
    onEvent({ data }) {
      if (isOver || data === '[DONE]') {
        isOver = true;
        return;
      }
      const part = parsed(data);
      if (part === undefined) throw new ModelError('model_failed', 'The model server sent an event that is not JSON.', { canRetry: true });
      const text = reader.take(part);
      if (text !== '') onText(text);
      isOver = reader.isOver;
    },
    onError(problem) {
      if (problem.type === 'max-buffer-size-exceeded') throw tooLarge();
    },
  });
  for await (const text of decoded(response)) {
    parser.feed(text);
    if (isOver) break;
  }
  if (!reader.isComplete)
    throw new ModelError('model_failed', 'The model server ended the stream before the reply was complete.', { canRetry: true });
  return reader.reply();
}

async function textOf(response: Response): Promise<string> {
  let text = '';
  for await (const part of decoded(response)) text += part;
  return text;
}

async function* decoded(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw tooLarge();
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

const tooLarge = () =>
  new ModelError(
    'model_failed',
    `The model server sent more than ${MAX_BODY_BYTES / 1024 / 1024} MiB, or an event of more than ${MAX_EVENT_CHARACTERS / 1024 / 1024} MiB.`,
  );

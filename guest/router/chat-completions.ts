/**
 * The Chat Completions API of OpenAI, which vLLM, Ollama, llama.cpp and LiteLLM speak too:
 * https://platform.openai.com/docs/api-reference/chat
 */
import { TOOL, TOOL_DESCRIPTION, toolInput } from './hand-over.ts';
import { at, listAt, textAt } from './json.ts';
import type { ModelApi, ModelReply, ReplyReader, ToolCall } from './model-api.ts';
import { StreamFailure } from './model-error.ts';

/** Newer models of OpenAI refuse `max_tokens`; other servers often know nothing else. */
const limited = (url: string, maxTokens: number) =>
  maxTokens === 0 ? {} : new URL(url).hostname === 'api.openai.com' ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens };

const endOf = (finishReason: string, refusal: string): ModelReply['end'] => {
  if (refusal !== '' || finishReason === 'content_filter') return 'refused';
  return finishReason === 'length' ? 'cut' : 'complete';
};

export const chatCompletions: ModelApi = {
  request({ baseUrl, key, model, maxTokens }, { system, turns, agents }) {
    const url = `${baseUrl.replace(/\/+$/, '')}/chat/completions`;
    const tools = [{ type: 'function', function: { name: TOOL, description: TOOL_DESCRIPTION, parameters: toolInput(agents) } }];
    return {
      url,
      headers: key === '' ? {} : { authorization: `Bearer ${key}` },
      body: {
        ...{ model, messages: [{ role: 'system', content: system }, ...turns], stream: true },
        ...limited(url, maxTokens),
        ...(agents.length === 0 ? {} : { tools }),
      },
    };
  },

  stream: () => new ChunkReader(),

  whole(body) {
    if (at(body, 'choices', 0, 'message') === undefined) return undefined;
    const message = at(body, 'choices', 0, 'message');
    const refusal = textAt(message, 'refusal');
    const calls = listAt(message, 'tool_calls').map(
      (call): ToolCall => ({ name: textAt(call, 'function', 'name'), input: textAt(call, 'function', 'arguments') }),
    );
    return { text: refusal || textAt(message, 'content'), calls, end: endOf(textAt(body, 'choices', 0, 'finish_reason'), refusal) };
  },
};

class ChunkReader implements ReplyReader {
  readonly #text: string[] = [];
  readonly #refusal: string[] = [];
  readonly #calls: { readonly index: unknown; readonly id: string; name: string; readonly input: string[] }[] = [];
  #finishReason = '';
  /** `[DONE]` is no part. */
  readonly isOver = false;

  /** Not every server ends its stream with `[DONE]`. */
  get isComplete(): boolean {
    return this.#finishReason !== '';
  }

  take(chunk: unknown): string {
    if (at(chunk, 'error') !== undefined) throw new StreamFailure(textAt(chunk, 'error', 'message') || textAt(chunk, 'error'), true);
    const delta = at(chunk, 'choices', 0, 'delta');
    for (const [position, part] of listAt(delta, 'tool_calls').entries()) {
      const call = this.#callOf(at(part, 'index') ?? position, textAt(part, 'id'));
      call.name ||= textAt(part, 'function', 'name');
      call.input.push(textAt(part, 'function', 'arguments'));
    }
    this.#finishReason = textAt(chunk, 'choices', 0, 'finish_reason') || this.#finishReason;
    const refusal = textAt(delta, 'refusal');
    if (refusal !== '') this.#refusal.push(refusal);
    const text = textAt(delta, 'content');
    if (text !== '') this.#text.push(text);
    return text;
  }

  reply(): ModelReply {
    const refusal = this.#refusal.join('');
    const calls = this.#calls.map(({ name, input }) => ({ name, input: input.join('') }));
    return { text: refusal || this.#text.join(''), calls, end: endOf(this.#finishReason, refusal) };
  }

  /** Some servers give all calls the same index, but each an id of its own. */
  #callOf(index: unknown, id: string) {
    const known = this.#calls.findLast((call) => call.index === index && (id === '' || id === call.id));
    if (known !== undefined) return known;
    const call = { index, id, name: '', input: [] };
    this.#calls.push(call);
    return call;
  }
}

/** The Messages API of Anthropic: https://docs.anthropic.com/en/api/messages and …/messages-streaming */
import { TOOL, TOOL_DESCRIPTION, toolInput } from './hand-over.ts';
import { at, listAt, textAt } from './json.ts';
import type { ModelApi, ModelReply, ReplyReader, ToolCall } from './model-api.ts';
import { StreamFailure } from './model-error.ts';

/** The API demands a limit. */
const DEFAULT_MAX_TOKENS = 4096;

const endOf = (stopReason: string): ModelReply['end'] =>
  stopReason === 'refusal' ? 'refused' : stopReason === 'max_tokens' || stopReason === 'model_context_window_exceeded' ? 'cut' : 'complete';

export const messages: ModelApi = {
  request({ baseUrl, key, model, maxTokens }, { system, turns, agents }) {
    const tools = [{ name: TOOL, description: TOOL_DESCRIPTION, input_schema: toolInput(agents) }];
    return {
      url: `${baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1/messages`,
      headers: { 'anthropic-version': '2023-06-01', ...(key === '' ? {} : { 'x-api-key': key }) },
      body: {
        ...{ model, system, messages: turns, stream: true, max_tokens: maxTokens || DEFAULT_MAX_TOKENS },
        ...(agents.length === 0 ? {} : { tools }),
      },
    };
  },

  stream: () => new EventReader(),

  whole(body) {
    if (at(body, 'content') === undefined) return undefined;
    const blocks = listAt(body, 'content');
    const calls = blocks
      .filter((block) => textAt(block, 'type') === 'tool_use')
      .map((block): ToolCall => ({ name: textAt(block, 'name'), input: JSON.stringify(at(block, 'input') ?? {}) }));
    const texts = blocks.filter((block) => textAt(block, 'type') === 'text');
    return { text: texts.map((block) => textAt(block, 'text')).join(''), calls, end: endOf(textAt(body, 'stop_reason')) };
  },
};

class EventReader implements ReplyReader {
  #text: string[] = [];
  readonly #calls = new Map<unknown, { name: string; input: string[] }>();
  #stopReason = '';
  isOver = false;

  get isComplete(): boolean {
    return this.isOver;
  }

  take(event: unknown): string {
    const index = at(event, 'index');
    switch (textAt(event, 'type')) {
      case 'content_block_start':
        if (textAt(event, 'content_block', 'type') === 'tool_use')
          this.#calls.set(index, { name: textAt(event, 'content_block', 'name'), input: [] });
        return this.#add(textAt(event, 'content_block', 'text'));
      case 'content_block_delta':
        this.#calls.get(index)?.input.push(textAt(event, 'delta', 'partial_json'));
        return this.#add(textAt(event, 'delta', 'text'));
      case 'message_delta':
        this.#stopReason = textAt(event, 'delta', 'stop_reason') || this.#stopReason;
        return '';
      case 'message_stop':
        this.isOver = true;
        return '';
      case 'error': {
        const type = textAt(event, 'error', 'type');
        const canRetry = ['overloaded_error', 'api_error', 'rate_limit_error', 'timeout_error'].includes(type);
        throw new StreamFailure(textAt(event, 'error', 'message') || type, canRetry);
      }
      default:
        return '';
    }
  }

  reply(): ModelReply {
    const calls = [...this.#calls.values()].map(({ name, input }) => ({ name, input: input.join('') }));
    return { text: this.#text.join(''), calls, end: endOf(this.#stopReason) };
  }

  #add(text: string): string {
    if (text !== '') this.#text.push(text);
    return text;
  }
}

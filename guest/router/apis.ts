import { chatCompletions } from './chat-completions.ts';
import { messages } from './messages.ts';
import type { ModelApi } from './model-api.ts';

/** Returns the API of that name in a space's settings. */
export const apiOf = (name: string): ModelApi | undefined =>
  name === 'anthropic' ? messages : name === 'openai' ? chatCompletions : undefined;

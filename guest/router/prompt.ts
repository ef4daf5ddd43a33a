import type { Router__Output as Task } from '../../proto/generated/raworc/v0/Router.ts';
import { TOOL } from './hand-over.ts';
import { listAt, parsed, textAt } from './json.ts';
import type { Prompt, Turn } from './model-api.ts';

/** A longer message is cut for the model. The agent that it chooses gets all of it. */
export const MAX_SHOWN_CHARACTERS = 64 * 1024;

const ALONE = 'You answer the messages of a user in a session that has no agents. Answer the newest one.';

const CHOOSING = `You receive the messages of a user in a session with several agents. For the newest message, do one of two things:
- Hand it over with the tool ${TOOL} to the agent whose purpose covers it. The agent gets the message unchanged, and its answer becomes the reply. Write no text of your own.
- Answer it yourself, briefly, if no agent fits: a greeting, or a question about the conversation or about these agents.
The agents, one JSON object per line:`;

/** Returns what the model gets: its task, the agents, the history and the message. */
export function promptOf({ agents }: Pick<Task, 'agents'>, content: string, contextJson: string): Prompt {
  const past = listAt(parsed(contextJson), 'history').map((one) => turn(textAt(one, 'role'), textAt(one, 'content')));
  return {
    system: agents.length === 0 ? ALONE : [CHOOSING, ...agents.map(described)].join('\n'),
    turns: alternating([...past, turn('user', shown(content))]),
    agents: agents.map(({ name }) => name),
  };
}

/** Returns the prompt that asks again, after a choice of an agent that does not exist. */
export function askedAgain(prompt: Prompt, wrong: string, said: string): Prompt {
  const correction = `There is no agent "${wrong}". Choose one of ${prompt.agents.join(', ')}, or answer yourself.`;
  const turns = [...prompt.turns, turn('agent', said || `(${TOOL}: ${wrong})`), turn('user', correction)];
  return { ...prompt, turns: alternating(turns) };
}

const described = ({ name, purpose, description, capabilities }: Task['agents'][number]): string =>
  JSON.stringify({
    name,
    ...(purpose === '' ? {} : { purpose }),
    ...(description === '' ? {} : { description }),
    ...(capabilities.length === 0 ? {} : { capabilities }),
  });

/** Notes of the system are nobody's turn. */
function turn(role: string, content: string): Turn {
  if (role === 'agent') return { role: 'assistant', content };
  return { role: 'user', content: role === 'system' ? `[Note] ${content}` : content };
}

function shown(content: string): string {
  if (content.length <= MAX_SHOWN_CHARACTERS) return content;
  return `${content.slice(0, MAX_SHOWN_CHARACTERS).toWellFormed()}\n[${content.length - MAX_SHOWN_CHARACTERS} more characters are left out]`;
}

/** Chat templates of many models demand a user first, then turns that alternate, none of them empty. */
function alternating(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const { role, content } of turns) {
    const text = content.trim() === '' ? '(empty message)' : content;
    const last = merged.at(-1);
    if (last?.role === role) merged[merged.length - 1] = { role, content: `${last.content}\n\n${text}` };
    else if (last !== undefined || role === 'user') merged.push({ role, content: text });
  }
  return merged;
}

/** The tool with which a model hands a message over to an agent. */
import { parsed, textAt } from './json.ts';
import type { ToolCall } from './model-api.ts';

export const TOOL = 'hand_over';

export const TOOL_DESCRIPTION = 'Hands the newest message over, unchanged, to one of the agents. Its answer becomes the reply.';

/** Returns the JSON schema of the tool's input. */
export const toolInput = (agents: readonly string[]) => ({
  type: 'object',
  properties: { agent: { type: 'string', enum: agents, description: 'The name of the agent' } },
  required: ['agent'],
});

/** Returns the agent that the call names, known or not; '' if it names none. */
export const agentIn = ({ name, input }: ToolCall): string => (name === TOOL ? textAt(parsed(input), 'agent') : '');

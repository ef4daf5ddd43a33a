/** The router: a space's model, which chooses the agent of a message or answers it itself. */
import { MODEL_TIMEOUT_S, type SpaceModel } from '../../contract/models/space-model.ts';
import { agentTexts } from '../agents/agent-objects.ts';
import type { BuiltAgent } from '../builds/rows.ts';
import type { RowView } from '../engine/view.ts';
import type { SessionRow } from '../sessions/rows.ts';
import { modelIn } from '../spaces/space-settings.ts';
import { canAnswer } from './can-answer.ts';

/** Stands for an agent's name where the router has the message. No agent can have this name. */
export const ROUTER = '@router';

const BASE_URLS = { anthropic: 'https://api.anthropic.com', openai: 'https://api.openai.com/v1' } as const;

/** Characters of one text of an agent that the model sees, and of all agents together. */
const SHOWN = { text: 1024, capabilities: 20, all: 48 * 1024 } as const;

/** An agent as the model sees it. */
export interface RoutedAgent {
  readonly name: string;
  readonly purpose: string;
  readonly description: string;
  readonly capabilities: readonly string[];
}

export interface RouterTask extends Required<Pick<SpaceModel, 'api' | 'base_url' | 'model' | 'key_secret' | 'max_tokens' | 'timeout_s'>> {
  readonly agents: readonly RoutedAgent[];
}

export function modelOf(view: RowView, { spaceId }: Pick<SessionRow, 'spaceId'>): SpaceModel | undefined {
  return modelIn(view.get('spaces', spaceId)?.settings ?? {});
}

/** Whether a queued message for this agent, or for the router, can be delivered. */
export const canReceive = (view: RowView, session: SessionRow, agent: string): boolean =>
  agent === ROUTER ? modelOf(view, session) !== undefined : canAnswer(view, session, agent);

/** Returns what a guest needs to ask the model; undefined if the space has none. */
export function routerTask(view: RowView, session: SessionRow): RouterTask | undefined {
  const model = modelOf(view, session);
  if (model === undefined) return undefined;
  const { api, base_url = BASE_URLS[api], key_secret = '', max_tokens = 0, timeout_s = MODEL_TIMEOUT_S.default } = model;
  return { api, base_url, model: model.model, key_secret, max_tokens, timeout_s, agents: routedAgents(view, session) };
}

/** Agents beyond the bound are known to the model by name only. */
function routedAgents(view: RowView, session: SessionRow): RoutedAgent[] {
  let left: number = SHOWN.all;
  return session.agents
    .filter(({ name }) => canAnswer(view, session, name))
    .map((built) => {
      const agent = routedAgent(view, built);
      left -= JSON.stringify(agent).length;
      return left >= 0 ? agent : { name: built.name, purpose: '', description: '', capabilities: [] };
    });
}

function routedAgent(view: RowView, { id, name, capabilities = [] }: BuiltAgent): RoutedAgent {
  const row = view.get('agents', id);
  const texts = row && agentTexts(row);
  const shown = (text: string | null | undefined) => (text ?? '').slice(0, SHOWN.text).toWellFormed();
  return {
    name,
    purpose: shown(texts?.purpose),
    description: shown(texts?.description),
    capabilities: capabilities.slice(0, SHOWN.capabilities),
  };
}

/** Chooses the agent that answers a message, and the refusal when no agent can. */

import type { AgentView } from '../agents/view.ts';
import type { BuiltAgent } from '../builds/rows.ts';
import type { RowView } from '../engine/view.ts';
import type { SessionRow } from '../sessions/rows.ts';
import { canAnswer } from './can-answer.ts';
import { modelOf, ROUTER } from './router.ts';
import type { MessageRow } from './rows.ts';
import type { MessageView } from './view.ts';

/**
 * Reasons of an error_response without a run. The guest's own reasons are in guest/runs/reasons.ts.
 */
export type RefusalReason =
  | 'no_agent'
  | 'agent_unknown'
  | 'agent_inactive'
  | 'agent_ambiguous'
  | 'session_failed'
  | 'host_lost'
  | 'answer_lost'
  | 'reply_too_large';

export type Choice =
  | { readonly ok: true; readonly agent: string }
  | { readonly ok: false; readonly reason: RefusalReason; readonly content: string };

const refusal = (reason: RefusalReason, content: string): Choice => ({ ok: false, reason, content });
const names = (agents: readonly BuiltAgent[]) => agents.map(({ name }) => name).join(', ');

/**
 * Returns the agent of a leading `@name` if the session or its space has that agent: other text can
 * begin with @ too.
 */
function addressed(view: AgentView, session: SessionRow, content: string): string | undefined {
  const name = /^@([A-Za-z0-9][A-Za-z0-9_.-]{0,62})(?=$|[\s:,])/.exec(content)?.[1];
  if (name === undefined) return undefined;
  const isKnown = session.agents.some((agent) => agent.name === name) || view.agentByName(session.spaceId, name) !== undefined;
  return isKnown ? name : undefined;
}

export const INACTIVE_REASON: RefusalReason = 'agent_inactive';
export const inactiveText = (name: string) => `The agent "${name}" is not active. Deploy it, or set its status to active.`;

/**
 * Returns the agent named by `metadata.agent` or a leading `@name`; otherwise the only active agent
 * of the session's image; otherwise the router, if the space has a model.
 */
export function chooseAgent(
  view: RowView & AgentView,
  session: SessionRow,
  content: string,
  metadata: Readonly<Record<string, unknown>>,
): Choice {
  const { agents } = session;
  const isActive = (agent: BuiltAgent) => canAnswer(view, session, agent.name);
  const wanted = typeof metadata.agent === 'string' ? metadata.agent : addressed(view, session, content);
  if (wanted !== undefined) {
    const agent = agents.find(({ name }) => name === wanted);
    if (agent === undefined) {
      const has = agents.length === 0 ? 'it has none' : `it has ${names(agents)}`;
      return refusal('agent_unknown', `This session has no agent "${wanted}": ${has}. Agents deployed later exist only in new sessions.`);
    }
    if (isActive(agent)) return { ok: true, agent: agent.name };
    return refusal(INACTIVE_REASON, inactiveText(wanted));
  }
  const active = agents.filter(isActive);
  const [only] = active;
  if (only !== undefined && active.length === 1) return { ok: true, agent: only.name };
  if (modelOf(view, session) !== undefined) return { ok: true, agent: ROUTER };
  if (active.length > 1) {
    const how =
      'Name one: begin the message with @name, or set metadata.agent (`raworc chat --agent`). Or let a model choose: `raworc space model`.';
    return refusal('agent_ambiguous', `Several agents can answer: ${names(active)}. ${how}`);
  }
  if (agents.length > 0) return refusal('agent_inactive', `None of this session's agents is active (${names(agents)}). Deploy one.`);
  if (session.profile === 'workstation')
    return refusal(
      'no_agent',
      'A workstation has no agents. Run commands in it (`raworc exec`, POST /sessions/{id}/exec), or give the space a model (`raworc space model`).',
    );
  return refusal(
    'no_agent',
    'This session has no agents. Run commands in it (`raworc exec`, POST /sessions/{id}/exec), deploy an agent (`raworc agent deploy DIR`) and create a new session, or give the space a model (`raworc space model`).',
  );
}

/** Bounds of the history that an agent receives, newest last. */
const HISTORY = { messages: 20, bytes: 64 * 1024 } as const;

/** Returns the handler's `context` as JSON. */
export function contextOf(view: RowView & MessageView, session: SessionRow, message: MessageRow): string {
  const history = view.historyBefore(session.id, message.seq, HISTORY).toReversed();
  return JSON.stringify({
    session_id: session.id,
    message_id: message.id,
    space: view.get('spaces', session.spaceId)?.name ?? session.spaceId,
    created_by: message.createdBy,
    timestamp: new Date(message.createdAt).toISOString(),
    metadata: message.metadata,
    history: history.map(({ role, content, createdAt }) => ({ role, content, created_at: new Date(createdAt).toISOString() })),
  });
}

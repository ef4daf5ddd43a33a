/** Who answers a message, and what it gets when nobody can. */

import type { AgentView } from '../agents/view.ts';
import type { BuiltAgent } from '../builds/rows.ts';
import type { RowView } from '../engine/view.ts';
import type { SessionRow } from '../sessions/rows.ts';
import type { MessageRow } from './rows.ts';
import type { MessageView } from './view.ts';

/** Why a message got an error_response that no agent's code had a part in. The guest's own reasons are in guest/runs/reasons.ts. */
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

/** `@name` at the start, when this session or its space has an agent of that name: other text may begin with an @ too. */
function addressed(view: AgentView, session: SessionRow, content: string): string | undefined {
  const name = /^@([A-Za-z0-9][A-Za-z0-9_.-]{0,62})(?=$|[\s:,])/.exec(content)?.[1];
  if (name === undefined) return undefined;
  const isKnown = session.agents.some((agent) => agent.name === name) || view.agentByName(session.spaceId, name) !== undefined;
  return isKnown ? name : undefined;
}

/** Whether an agent of this session may be asked: it is there yet, the same that was built into the image, and wanted. */
export function mayAnswer(view: RowView, session: SessionRow, name: string): boolean {
  const built = session.agents.find((agent) => agent.name === name);
  return built !== undefined && view.get('agents', built.id)?.wanted === 'active';
}

export const INACTIVE_REASON: RefusalReason = 'agent_inactive';
export const inactiveText = (name: string) => `The agent "${name}" is not active. Deploy it, or set its status to active.`;

/** The agent named by `metadata.agent` or a leading `@name`; else the only active one of the session's image. */
export function chooseAgent(
  view: RowView & AgentView,
  session: SessionRow,
  content: string,
  metadata: Readonly<Record<string, unknown>>,
): Choice {
  const { agents } = session;
  const isActive = (agent: BuiltAgent) => mayAnswer(view, session, agent.name);
  const wanted = typeof metadata.agent === 'string' ? metadata.agent : addressed(view, session, content);
  if (wanted !== undefined) {
    const agent = agents.find(({ name }) => name === wanted);
    if (agent === undefined) {
      const has = agents.length === 0 ? 'it has none' : `it has ${names(agents)}`;
      return refusal('agent_unknown', `This session has no agent "${wanted}": ${has}. Agents deployed later are in new sessions only.`);
    }
    if (isActive(agent)) return { ok: true, agent: agent.name };
    return refusal(INACTIVE_REASON, inactiveText(wanted));
  }
  const active = agents.filter(isActive);
  const [only] = active;
  if (only !== undefined && active.length === 1) return { ok: true, agent: only.name };
  if (active.length > 1) {
    return refusal(
      'agent_ambiguous',
      `Several agents could answer: ${names(active)}. Begin the message with @name, or set metadata.agent.`,
    );
  }
  if (agents.length > 0) return refusal('agent_inactive', `None of this session's agents is active (${names(agents)}). Deploy one.`);
  return refusal(
    'no_agent',
    'No agent was deployed when this session was made. Deploy one (`raworc agent deploy DIR`) and make a new session.',
  );
}

/** What an agent sees of the messages before: newest last, at most so many and so much. */
const HISTORY = { messages: 20, bytes: 64 * 1024 } as const;

/** The `context` that the handler is called with, as JSON. */
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

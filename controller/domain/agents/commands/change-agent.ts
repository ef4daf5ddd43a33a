import type { AgentObject } from '../../../contract/agents.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { AgentId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import { withheldAnew } from '../../spaces/secrets-version.ts';
import { agentChanged } from '../agent-event.ts';
import { agentObject } from '../agent-objects.ts';
import { NO_AGENT } from '../refusals.ts';
import type { AgentRow, RepositoryField } from '../rows.ts';

export type AgentChange = Partial<Pick<AgentRow, 'description' | 'purpose' | RepositoryField | 'wanted'>>;

const NO_SOURCE = { sourceDigest: null, sourceCommit: null, program: null, manifest: null, sourceAt: null, sourceBytes: 0, sourceFiles: 0 };

/** A repository replaces an upload, and what was fetched from another place. */
function withoutReplaced(agent: AgentRow, change: AgentChange): Partial<AgentRow> {
  const isElsewhere = change.sourceDirectory !== undefined && change.sourceDirectory !== agent.sourceDirectory;
  if (change.sourceRepo === undefined) return isElsewhere && agent.sourceCommit !== null ? NO_SOURCE : {};
  return agent.sourceCommit !== null && change.sourceRepo === agent.sourceRepo && !isElsewhere ? {} : NO_SOURCE;
}

/**
 * Changes the given fields. Existing sessions keep their configuration; whether they can still
 * address the agent is checked for each message.
 */
export function changeAgent(id: AgentId, change: AgentChange): Command<Outcome<AgentObject>> {
  return {
    name: 'change-agent',
    decide({ view, now }) {
      const agent = view.get('agents', id);
      if (agent === undefined) return unchanged(NO_AGENT);
      const row: AgentRow = { ...agent, ...withoutReplaced(agent, change), ...change, updatedAt: now };
      const shown = agentObject(view, row);
      const secrets = withheldAnew(view, agent, row);
      return {
        mutations: [put('agents', row), ...secrets.mutations],
        events: [agentChanged(row, shown), ...secrets.events],
        result: accepted(shown),
      };
    },
  };
}

/**
 * Deletes an agent and returns its row. Images that contain it stay; messages to it are refused.
 */
export function removeAgent(id: AgentId): Command<Outcome<AgentRow>> {
  return {
    name: 'remove-agent',
    decide({ view }) {
      const agent = view.get('agents', id);
      if (agent === undefined) return unchanged(NO_AGENT);
      const { space, name } = agentObject(view, agent);
      const secrets = withheldAnew(view, agent, undefined);
      return {
        mutations: [{ kind: 'remove', table: 'agents', id }, ...secrets.mutations],
        events: [
          { type: 'agent.deleted', spaceId: agent.spaceId, sessionId: null, data: { space, agent: { name, space } } },
          ...secrets.events,
        ],
        result: accepted(agent),
      };
    },
  };
}

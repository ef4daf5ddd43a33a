import { type Command, unchanged } from '../command.ts';
import { type KnownRequest, recall, remember } from '../idempotency.ts';
import type { AccountId, AgentId, SpaceId } from '../ids.ts';
import type { AgentObject } from '../objects.ts';
import { accepted, type Outcome, refused } from '../outcome.ts';
import { agentObject } from '../present.ts';
import { type AgentRow, put } from '../rows.ts';

export interface NewAgent {
  readonly id: AgentId;
  readonly spaceId: SpaceId;
  readonly name: string;
  readonly description: string | null;
  readonly purpose: string | null;
  readonly sourceRepo: string | null;
  readonly sourceBranch: string;
  readonly by: { readonly accountId: AccountId; readonly user: string };
  readonly request: KnownRequest | undefined;
}

/** Makes an agent without a source: nothing runs until one is uploaded and deployed. */
export function createAgent(input: NewAgent): Command<Outcome<AgentObject>> {
  return {
    name: 'create-agent',
    decide({ view, now }) {
      const made = recall(view, input.request);
      if (made !== undefined) {
        if (!made.ok) return unchanged(made);
        const row = view.get('agents', made.value);
        return unchanged(
          row === undefined ? refused('NOT_FOUND', 'The agent that this key made is gone.') : accepted(agentObject(view, row)),
        );
      }
      if (view.agentByName(input.spaceId, input.name) !== undefined) {
        return unchanged(refused('CONFLICT', `This space has an agent "${input.name}" already.`));
      }
      const row: AgentRow = {
        id: input.id,
        spaceId: input.spaceId,
        name: input.name,
        description: input.description,
        purpose: input.purpose,
        sourceRepo: input.sourceRepo,
        sourceBranch: input.sourceBranch,
        wanted: 'inactive',
        sourceDigest: null,
        program: null,
        sourceAt: null,
        sourceBytes: 0,
        sourceFiles: 0,
        createdAt: now,
        updatedAt: now,
        createdBy: input.by.user,
        createdById: input.by.accountId,
      };
      const agent = agentObject(view, row);
      return {
        mutations: [put('agents', row), ...remember(input.request, row.id, now)],
        events: [{ type: 'agent.changed', spaceId: row.spaceId, sessionId: null, data: { space: agent.space, agent } }],
        answer: accepted(agent),
      };
    },
  };
}

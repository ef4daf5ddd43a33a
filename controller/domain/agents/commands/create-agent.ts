import type { AgentObject } from '../../../contract/agents.ts';
import { activated, type NewBuild } from '../../builds/commands/create-build.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import type { AccountId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { NO_SPACE } from '../../spaces/refusals.ts';
import { withheldAnew } from '../../spaces/secrets-version.ts';
import { refusedIfInactive } from '../../spaces/space-admission.ts';
import { agentChanged } from '../agent-event.ts';
import { agentObject } from '../agent-objects.ts';
import type { AgentRow, RepositoryField } from '../rows.ts';

export interface NewAgent extends Pick<AgentRow, 'id' | 'name' | 'description' | 'purpose' | RepositoryField> {
  readonly by: { readonly accountId: AccountId; readonly user: string };
  /** The space's next build, queued when the agent has a repository. */
  readonly build: NewBuild;
}

/**
 * Creates an agent. With a repository it is active and built at once; without one, a source must be
 * uploaded and deployed first.
 */
export function createAgent({ by, build, ...input }: NewAgent, request?: KnownRequest): Command<Outcome<AgentObject>> {
  return {
    name: 'create-agent',
    grows: true,
    decide({ view, now }) {
      const recalled = recall(view, request, ['agents', 'agent'], (row) => agentObject(view, row));
      if (recalled !== undefined) return unchanged(recalled);
      const { spaceId } = build;
      if (view.get('spaces', spaceId) === undefined) return unchanged(NO_SPACE);
      const inactive = input.sourceRepo === null ? undefined : refusedIfInactive(view, spaceId);
      if (inactive !== undefined) return unchanged(inactive);
      if (view.agentByName(spaceId, input.name) !== undefined) {
        return unchanged(refused('CONFLICT', `The agent "${input.name}" already exists in this space.`));
      }
      const row: AgentRow = {
        ...input,
        spaceId,
        wanted: 'configured',
        sourceDigest: null,
        sourceCommit: null,
        program: null,
        manifest: null,
        sourceAt: null,
        sourceBytes: 0,
        sourceFiles: 0,
        createdAt: now,
        updatedAt: now,
        createdBy: by.user,
        createdById: by.accountId,
      };
      const shown = agentObject(view, row);
      const { mutations, events, result } =
        row.sourceRepo === null
          ? { mutations: [put('agents', row)], events: [agentChanged(row, shown)], result: shown }
          : activated(view, row, build, now);
      const secrets = withheldAnew(view, undefined, row);
      return {
        mutations: [...mutations, ...secrets.mutations, ...remember(request, row.id, now)],
        events: [...events, ...secrets.events],
        result: accepted(result),
      };
    },
  };
}

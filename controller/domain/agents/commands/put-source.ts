import type { SourceObject } from '../../../contract/agents.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { AgentId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';
import { sourceObject } from '../agent-objects.ts';
import { NO_AGENT } from '../refusals.ts';
import type { AgentProgram, ManifestTexts } from '../rows.ts';

export interface CheckedSource {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly files: number;
  readonly program: AgentProgram;
  readonly texts: ManifestTexts;
}

/**
 * Sets an agent's uploaded source. The archive was checked and stored on disk before. Fields set by
 * the API override the manifest.
 */
export function putSource(agentId: AgentId, source: CheckedSource): Command<Outcome<SourceObject>> {
  return {
    name: 'put-source',
    grows: true,
    decide({ view, fleet, now }) {
      const agent = view.get('agents', agentId);
      if (agent === undefined) return unchanged(NO_AGENT);
      const storageBytes = Math.max(0, source.sizeBytes - agent.sourceBytes);
      const refusal = refusedBySpace(view, fleet, agent.spaceId, { sessions: 0, requests: undefined, storageBytes }, 'also inactive');
      if (refusal !== undefined) return unchanged(refusal);
      const row = {
        ...agent,
        sourceDigest: source.digest,
        sourceCommit: null,
        program: source.program,
        sourceAt: now,
        sourceBytes: source.sizeBytes,
        sourceFiles: source.files,
        manifest: source.texts,
        updatedAt: now,
      };
      return { mutations: [put('agents', row)], events: [], result: accepted(sourceObject(view, row)) };
    },
  };
}

import type { BuildObject } from '../../contract/builds.ts';
import { rfc3339, rfc3339OrNull } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import { spaceName } from '../spaces/space-objects.ts';
import type { BuildRow, StageRow } from './rows.ts';

export const buildObject = (view: RowView, row: BuildRow, waitingReason: string | null = null): BuildObject => ({
  id: row.id,
  build_id: row.id,
  space: spaceName(view, row.spaceId),
  status: row.status,
  image_tag: row.status === 'completed' ? row.image : null,
  started_at: rfc3339(row.createdAt),
  completed_at: rfc3339OrNull(row.completedAt),
  agents_deployed: [...row.agents, ...row.unfetched].map(({ name }) => name),
  sources: [
    ...row.agents.map(({ name, digest, from, ownBase = null }) => ({
      ...{ agent: name, digest, repo: from?.repo ?? null, branch: from?.branch ?? null, commit: from?.commit ?? null },
      base_image: ownBase,
    })),
    ...row.unfetched.map(({ name, repo, branch }) => ({ agent: name, digest: null, repo, branch, commit: null, base_image: null })),
  ],
  stages: row.stages.map((stage) => shownStage(row, stage)),
  waiting_reason: waitingReason,
  error: row.error,
  created_by: row.createdBy,
});

function shownStage({ status }: BuildRow, { name, tookMs, over }: StageRow): BuildObject['stages'][number] {
  if (over) return { name, status: 'completed', duration_ms: tookMs === 0 ? null : tookMs };
  if (status === 'failed' || status === 'cancelled') return { name, status, duration_ms: tookMs === 0 ? null : tookMs };
  return { name, status: 'running', duration_ms: null };
}

import type { BuildObject } from '../../contract/builds.ts';
import { rfc3339, rfc3339OrNull } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import { spaceName } from '../spaces/space-objects.ts';
import type { BuildRow } from './rows.ts';

export const buildObject = (view: RowView, row: BuildRow): BuildObject => ({
  id: row.id,
  build_id: row.id,
  space: spaceName(view, row.spaceId),
  status: row.status,
  image_tag: row.status === 'completed' ? row.image : null,
  started_at: rfc3339(row.createdAt),
  completed_at: rfc3339OrNull(row.completedAt),
  agents_deployed: [...row.agents, ...row.unfetched].map(({ name }) => name),
  error: row.error,
  created_by: row.createdBy,
});

import type { SecretObject } from '../../contract/secrets.ts';
import type { SpaceObject } from '../../contract/spaces.ts';
import { rfc3339 } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import type { SecretRow, SpaceRow } from './rows.ts';

/** Returns a space's name, or its id if it was deleted. */
export const spaceName = (view: RowView, id: string): string => view.get('spaces', id)?.name ?? id;

export const spaceObject = (row: SpaceRow): SpaceObject => ({
  name: row.name,
  description: row.description,
  settings: row.settings,
  active: row.active,
  created_at: rfc3339(row.createdAt),
  updated_at: rfc3339(row.updatedAt),
  created_by: row.createdBy,
});

/** Presents a secret, with its decrypted `value` if requested. */
export const secretObject = (space: string, row: SecretRow, value?: string): SecretObject => ({
  space,
  key_name: row.keyName,
  description: row.description,
  ...(value === undefined ? {} : { value }),
  created_at: rfc3339(row.createdAt),
  updated_at: rfc3339(row.updatedAt),
  created_by: row.createdBy,
});

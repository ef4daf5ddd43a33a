/** Spaces and their secrets as REST shows them. */

import { rfc3339 } from '../engine/time.ts';
import type { SecretRow, SpaceRow } from './rows.ts';

export interface SpaceObject {
  readonly name: string;
  readonly description: string | null;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly active: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly created_by: string;
}

export interface SecretObject {
  readonly space: string;
  readonly key_name: string;
  readonly description: string | null;
  /** Only where it was asked for by somebody who may see it. */
  readonly value?: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly created_by: string;
}

export const spaceObject = (row: SpaceRow): SpaceObject => ({
  name: row.name,
  description: row.description,
  settings: row.settings,
  active: row.active,
  created_at: rfc3339(row.createdAt),
  updated_at: rfc3339(row.updatedAt),
  created_by: row.createdBy,
});

export const secretObject = (space: string, row: SecretRow, value?: string): SecretObject => ({
  space,
  key_name: row.keyName,
  description: row.description,
  ...(value === undefined ? {} : { value }),
  created_at: rfc3339(row.createdAt),
  updated_at: rfc3339(row.updatedAt),
  created_by: row.createdBy,
});

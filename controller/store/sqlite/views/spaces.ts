import type { SpaceView } from '../../../domain/spaces/view.ts';
import type { Reads } from './reads.ts';

/** The condition of the partial index on spaces. */
export const HAS_RETENTION = `json_extract(settings, '$.retention') is not null`;

export const spaceView = ({ all, one, rows, row }: Reads): SpaceView => ({
  spacesWithRetention: () => all('spaces', `where ${HAS_RETENTION}`),
  spaceByName: (name) => one('spaces', 'where name = ?', name),
  secretByName: (spaceId, keyName) => one('secrets', 'where space_id = ? and key_name = ?', spaceId, keyName),
  secretsIn: (spaceId) => all('secrets', 'where space_id = ? order by key_name', spaceId),
  secretsNotUnder: (keyId, limit) => all('secrets', 'where key_id <> ? limit +?', keyId, limit),
  sealingKeyIds: () => rows<{ key_id: string }>('select distinct key_id from secrets').map((row) => row.key_id),
  storedBytes: (spaceId) => row<{ bytes: number }>('select bytes from space_storage where id = ?', spaceId)?.bytes ?? 0,
});

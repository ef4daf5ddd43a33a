import type { SpaceId } from '../engine/ids.ts';
import type { SecretRow, SpaceRow } from './rows.ts';

export interface SpaceView {
  /** Returns the spaces whose settings limit how long something is kept. */
  spacesWithRetention(): readonly SpaceRow[];
  spaceByName(name: string): SpaceRow | undefined;
  secretByName(spaceId: SpaceId, keyName: string): SecretRow | undefined;
  secretsIn(spaceId: SpaceId): readonly SecretRow[];
  /** Returns secrets sealed with another key, at most `limit`. */
  secretsNotUnder(keyId: string, limit: number): readonly SecretRow[];
  /**
   * Returns the ids of all keys that seal some secret. Scans an index, so call it only at the
   * start.
   */
  sealingKeyIds(): readonly string[];
  /**
   * Returns how many bytes a space stores: messages, events, sources, secrets, metadata of
   * sessions. Reads none of them.
   */
  storedBytes(spaceId: SpaceId): number;
}

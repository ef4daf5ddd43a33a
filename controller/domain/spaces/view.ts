import type { SpaceId } from '../engine/ids.ts';
import type { SecretRow, SpaceRow } from './rows.ts';

export interface SpaceView {
  /** Spaces with retention settings. */
  spacesWithRetention(): readonly SpaceRow[];
  spaceByName(name: string): SpaceRow | undefined;
  secretByName(spaceId: SpaceId, keyName: string): SecretRow | undefined;
  secretsIn(spaceId: SpaceId): readonly SecretRow[];
  /** Returns secrets sealed under another key, at most `limit`. */
  secretsNotUnder(keyId: string, limit: number): readonly SecretRow[];
  /** Returns the ids of all keys that seal a secret. Scans an index: use at startup only. */
  sealingKeyIds(): readonly string[];
  /**
   * Returns the bytes that a space stores: messages, events, sources, secrets, metadata of
   * sessions. Reads none of them.
   */
  storedBytes(spaceId: SpaceId): number;
}

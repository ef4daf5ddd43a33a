import type { SpaceId } from '../engine/ids.ts';
import type { SecretRow, SpaceRow } from './rows.ts';

export interface SpaceView {
  /** Spaces whose settings bound how long something is kept. */
  spacesWithRetention(): readonly SpaceRow[];
  spaceByName(name: string): SpaceRow | undefined;
  secretByName(spaceId: SpaceId, keyName: string): SecretRow | undefined;
  secretsIn(spaceId: SpaceId): readonly SecretRow[];
  /** Secrets that another key seals, at most `limit`. */
  secretsNotUnder(keyId: string, limit: number): readonly SecretRow[];
  /** Ids of the keys that seal some secret. Scans an index: for the start. */
  sealingKeyIds(): readonly string[];
  /**
   * Bytes that a space stores: messages, events, sources, secrets, metadata of sessions. Reads none
   * of them.
   */
  storedBytes(spaceId: SpaceId): number;
}

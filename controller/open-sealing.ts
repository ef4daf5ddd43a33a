import type { Random } from '../seams/random.ts';
import type { View } from './domain/engine/view.ts';
import { SealingRing } from './services/spaces/sealing.ts';
import { openSealingKeys, sealingKeysIn } from './store/files/sealing-keys.ts';

/**
 * Opens the keys that seal secrets. Throws if the store needs one that is missing. Call after
 * opening the store: key rotation assumes that a controller without an open store will read the
 * newest key.
 */
export async function openSealing(view: View, directory: string, random: Random) {
  const ring = new SealingRing(await openSealingKeys(directory, random));
  const missing = view.sealingKeyIds().filter((id) => !ring.has(id));
  if (missing.length > 0)
    throw new Error(`secrets need sealing keys that are missing in ${directory}; restore ${missing.join(', ')} from a backup`);
  return { ring, keys: sealingKeysIn(directory) };
}

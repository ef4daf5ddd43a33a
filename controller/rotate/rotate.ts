/** `raworc-controller rotate`: replaces the keys of a controller, whether or not it runs. */
import { join, resolve } from 'node:path';
import { print } from '../../seams/print.ts';
import { barriersIn, systemClock, systemDisk, systemRandom } from '../../seams/system.ts';
import { rotateTokenKey } from '../services/access/token-keys.ts';
import { configuredTool } from '../settings/configured.ts';
import { rotateSealing } from './rotate-sealing.ts';

const LIMIT_MS = 120_000;

if (import.meta.main) {
  process.umask(0o077);
  const { env, args } = configuredTool();
  if (args.length > 0) {
    print('Usage: raworc-controller rotate   (rotates the keys of the controller in RAWORC_DATA_DIR, default ./data)', 'stderr');
    process.exit(2);
  }
  const directory = join(resolve(env.RAWORC_DATA_DIR || './data'), 'controller');
  const barriers = barriersIn(process.env.RAWORC_BARRIERS);
  try {
    const sealing = await rotateSealing(directory, { clock: systemClock, random: systemRandom, barriers, limitMs: LIMIT_MS });
    print(`All secrets are now sealed under the new key ${sealing.keyId} (by ${sealing.by}). Older keys are deleted.`);
    await rotateTokenKey(join(directory, 'keys'), systemDisk, systemRandom, systemClock);
    print('New tokens are signed with a new key within a few seconds. Older tokens stay valid until they expire.');
    print('Older backups contain the old keys: keep them as secret as before.');
  } catch (error) {
    print(`raworc-controller: the key rotation failed: ${error instanceof Error ? error.message : String(error)}`, 'stderr');
    process.exit(1);
  }
}

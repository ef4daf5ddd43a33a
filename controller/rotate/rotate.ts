/** `raworc-controller rotate`: new keys for what a controller keeps, whether it runs or not. */
import { join, resolve } from 'node:path';
import { print } from '../../seams/print.ts';
import { barriersIn, systemClock, systemDisk, systemRandom } from '../../seams/system.ts';
import { rotateTokenKey } from '../services/access/token-keys.ts';
import { rotateSealing } from './rotate-sealing.ts';

const LIMIT_MS = 120_000;

if (import.meta.main) {
  process.umask(0o077);
  if (process.argv.length > 2) {
    print('Usage: raworc-controller rotate   (the keys of the controller in RAWORC_DATA_DIR, default ./data)', 'stderr');
    process.exit(2);
  }
  const directory = join(resolve(process.env.RAWORC_DATA_DIR || './data'), 'controller');
  const barriers = barriersIn(process.env.RAWORC_BARRIERS);
  try {
    const sealing = await rotateSealing(directory, { clock: systemClock, random: systemRandom, barriers, limitMs: LIMIT_MS });
    print(`All secrets are sealed under a new key, ${sealing.keyId}, by ${sealing.by}; older keys are gone.`);
    await rotateTokenKey(join(directory, 'keys'), systemDisk, systemRandom, systemClock);
    print('New tokens are signed with a new key, from a few seconds on; tokens of before are good until they expire.');
    print('Backups of before hold their own keys: keep them as secret as before.');
  } catch (error) {
    print(`raworc-controller: keys are not rotated: ${error instanceof Error ? error.message : String(error)}`, 'stderr');
    process.exit(1);
  }
}

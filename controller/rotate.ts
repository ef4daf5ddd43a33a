/** `raworc-controller rotate`: new keys for what a controller keeps, whether it runs or not. */
import { join, resolve } from 'node:path';
import { barriersIn, systemClock, systemDisk, systemRandom } from '../seams/system.ts';
import { rotateSealing } from './rotate-sealing.ts';
import { rotateTokenKey } from './services/token-keys.ts';

const LIMIT_MS = 120_000;

if (import.meta.main) {
  process.umask(0o077);
  if (process.argv.length > 2) {
    process.stderr.write('Usage: raworc-controller rotate   (the keys of the controller in RAWORC_DATA_DIR, default ./data)\n');
    process.exit(2);
  }
  const directory = join(resolve(process.env.RAWORC_DATA_DIR || './data'), 'controller');
  const barriers = barriersIn(process.env.RAWORC_BARRIERS);
  try {
    const sealing = await rotateSealing(directory, { clock: systemClock, random: systemRandom, barriers, limitMs: LIMIT_MS });
    process.stdout.write(`All secrets are sealed under a new key, ${sealing.keyId}, by ${sealing.by}; older keys are gone.\n`);
    await rotateTokenKey(join(directory, 'keys'), systemDisk, systemRandom, systemClock);
    process.stdout.write('New tokens are signed with a new key, from a few seconds on; tokens of before are good until they expire.\n');
    process.stdout.write('Backups of before hold their own keys: keep them as secret as before.\n');
  } catch (error) {
    process.stderr.write(`raworc-controller: keys are not rotated: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

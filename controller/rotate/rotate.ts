/** `raworc-controller rotate`: replaces the keys of a controller, whether or not it runs. */
import { join, resolve } from 'node:path';
import { print } from '../../seams/print.ts';
import { barriersIn, systemClock, systemDisk, systemRandom } from '../../seams/system.ts';
import { rotateTokenKey } from '../services/access/token-keys.ts';
import { configuredTool } from '../settings/configured.ts';
import { beginCaRotation, finishCaRotation } from './rotate-ca.ts';
import { rotateSealing } from './rotate-sealing.ts';

const LIMIT_MS = 120_000;

const USAGE = `Usage: raworc-controller rotate [--ca [--finish]]
Rotates the keys that seal secrets and sign tokens, of the controller in data_dir (default ./data).
  --ca            creates a new CA for the certificates of nodes. Both are trusted until no node needs the old one
  --ca --finish   removes the old CA now. Nodes that have not moved must join again`;

if (import.meta.main) {
  process.umask(0o077);
  const { env, args } = configuredTool();
  const wanted = args.join(' ');
  if (!['', '--ca', '--ca --finish'].includes(wanted)) {
    print(USAGE, 'stderr');
    process.exit(2);
  }
  const directory = join(resolve(env.RAWORC_DATA_DIR || './data'), 'controller');
  const barriers = barriersIn(process.env.RAWORC_BARRIERS);
  try {
    if (wanted === '--ca') {
      await beginCaRotation(directory, { clock: systemClock, random: systemRandom });
      print('Created a new CA beside the current one. Connected nodes move to it within a minute; nodes that are away, when they return.');
      print(
        'The old CA is removed once no node depends on it. Then create a backup: nodes cannot connect to a controller restored from an older one.',
      );
      process.exit(0);
    }
    if (wanted === '--ca --finish') {
      await finishCaRotation(directory, { clock: systemClock, limitMs: LIMIT_MS });
      print('Removed the old CA. Nodes that had not moved to the new one must join again, with a token created from now on.');
      process.exit(0);
    }
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

/** `raworc-controller upgrade`: changes the version of the service, and back if that fails. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../seams/system.ts';
import { upgradeCommand } from '../../systemd/upgrade/command.ts';
import { wayBack } from '../backup/before-upgrade.ts';
import { configured } from '../settings/configured.ts';
import { STATE_DIRECTORY, UNIT } from './unit.ts';

const LOG = 'Read journalctl -u raworc-controller.';

async function remedy(): Promise<string> {
  const { env } = configured([], process.env);
  const command = await wayBack(join(env.RAWORC_DATA_DIR || STATE_DIRECTORY, 'controller'));
  if (command === undefined) return LOG;
  return `${LOG} If it says that the newer version has changed the database, go back to the state before, without what happened since: ${command}`;
}

process.exit(
  await upgradeCommand({
    daemon: 'controller',
    unit: UNIT,
    args: process.argv.slice(2),
    clock: systemClock,
    program: fileURLToPath(import.meta.url),
    remedy,
  }),
);

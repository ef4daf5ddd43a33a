/** `raworc-controller upgrade`: changes the version of the service, and back if that fails. */
import { systemClock } from '../../seams/system.ts';
import { upgradeCommand } from '../../systemd/upgrade/command.ts';
import { UNIT } from './unit.ts';

process.exit(
  await upgradeCommand({
    daemon: 'controller',
    unit: UNIT,
    args: process.argv.slice(2),
    clock: systemClock,
    remedy:
      'Read journalctl -u raworc-controller. If the newer version has changed the database, stop the service, restore the backup that it made with `raworc-controller restore DATA/controller/backups/FILE --force`, and start the service.',
  }),
);

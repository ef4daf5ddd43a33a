/** `raworc-node-agent upgrade`: changes the version of the service, and back if that fails. */
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../seams/system.ts';
import { upgradeCommand } from '../../systemd/upgrade/command.ts';
import { UNIT } from './unit.ts';

process.exit(
  await upgradeCommand({
    daemon: 'node-agent',
    unit: UNIT,
    args: process.argv.slice(2),
    clock: systemClock,
    program: fileURLToPath(import.meta.url),
    remedy: async () => 'Read journalctl -u raworc-node-agent. Sessions keep running meanwhile.',
  }),
);

/**
 * `raworc-node-agent uninstall`: stops the node agent and removes its unit. Its sessions, disks and
 * identity stay.
 */
import { messageOf } from '../../seams/message-of.ts';
import { print } from '../../seams/print.ts';
import { uninstallUnit } from '../../systemd/install.ts';
import { dropGuard } from '../../systemd/upgrade/guard.ts';
import { UNIT } from './unit.ts';

const [unknown] = process.argv.slice(2);
if (unknown !== undefined) {
  print(`raworc-node-agent: uninstall does not accept ${unknown}. It has no options`, 'stderr');
  process.exit(2);
}
try {
  await dropGuard('node-agent');
  print(
    (await uninstallUnit(UNIT))
      ? 'The node agent is stopped and its unit removed. Sessions and data stay.'
      : 'The node agent’s unit is not installed.',
  );
} catch (error) {
  print(`raworc-node-agent: ${messageOf(error)}`, 'stderr');
  process.exit(1);
}

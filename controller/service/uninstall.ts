/** `raworc-controller uninstall`: stops the controller and removes its unit. Its data stays. */
import { print } from '../../seams/print.ts';
import { uninstallUnit } from '../../systemd/install.ts';
import { dropGuard } from '../../systemd/upgrade/guard.ts';
import { UNIT } from './unit.ts';

const [unknown] = process.argv.slice(2);
if (unknown !== undefined) {
  print(`raworc-controller: uninstall does not accept ${unknown}. It has no options`, 'stderr');
  process.exit(2);
}
try {
  await dropGuard('controller');
  print(
    (await uninstallUnit(UNIT))
      ? 'The controller is stopped and its unit removed. Its data stays.'
      : 'The controller’s unit is not installed.',
  );
} catch (error) {
  print(`raworc-controller: ${String(error)}`, 'stderr');
  process.exit(1);
}
